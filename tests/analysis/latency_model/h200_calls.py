"""The recorded H200 calls, and what the model says of each from the calls of other times."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latprobe.analysis.intervals import Floats
from latprobe.analysis.latency_model import CallColumns, LatencyModel, call_columns, fit_latency
from latprobe.analysis.latency_model.new_lengths import new_lengths

_FILE = Path(__file__).parent / "data" / "h200_llm_calls.csv"
_PIPELINE_FILE = _FILE.with_name("h200_pipeline_calls.csv")
# Fewer calls than latprobe asks of its users: what is tested is how far that reaches.
FEWEST = 30


def h200_calls(*, is_streamed: bool = True) -> CallColumns:
    """The 40 calls in their order; not streamed: without the time of the first token."""
    rows = np.genfromtxt(_FILE, delimiter=",", names=True)
    return call_columns(
        duration_ns=rows["total_ms"] * 1e6,
        input_tokens=rows["n_in"],
        output_tokens=rows["n_out"],
        ttft_ns=rows["ttft_ms"] * 1e6 if is_streamed else None,
    )


def h200_pipeline_calls() -> CallColumns:
    """30 calls of the same model within a pipeline, in another process: a second recording. What
    its warm-up had reached before is not known."""
    rows = np.genfromtxt(_PIPELINE_FILE, delimiter=",", names=True)
    return call_columns(
        start_ns=rows["start_ns"],
        duration_ns=rows["total_ms"] * 1e6,
        input_tokens=rows["n_in"],
        output_tokens=rows["n_out"],
    )


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Each call predicted by a model that was fitted without it and its neighbours."""

    measured_ns: Floats
    predicted_ns: Floats
    low_ns: Floats
    high_ns: Floats

    @property
    def relative_error(self) -> Floats:
        return np.asarray(np.abs(self.predicted_ns / self.measured_ns - 1))

    @property
    def coverage(self) -> float:
        inside = (self.low_ns <= self.measured_ns) & (self.measured_ns <= self.high_ns)
        return float(inside.mean())


def held_out(calls: CallColumns, *, block: int) -> HeldOut:
    """Calls left out `block` at a time; calls outside of what the rest recorded are left out."""
    fresh = new_lengths(calls)
    found = []
    for first in range(0, len(calls), block):
        rows = np.arange(first, min(first + block, len(calls)))
        model = fit_latency(calls.take(np.setdiff1d(np.arange(len(calls)), rows)), fewest=FEWEST)
        assert isinstance(model, LatencyModel)
        found += [_predicted(model, calls, int(row), float(fresh[row])) for row in rows]
    return HeldOut(*np.array([one for one in found if one is not None]).T)


def _predicted(
    model: LatencyModel, calls: CallColumns, row: int, fresh: float
) -> tuple[float, float, float, float] | None:
    tokens = float(calls.input_tokens[row]), float(calls.output_tokens[row])
    estimate = model.predict(*tokens, new=fresh)
    interval = getattr(estimate, "interval", None)
    if interval is None:
        return None
    return float(calls.duration_ns[row]), estimate.value, interval.low, interval.high  # type: ignore[union-attr]  # it has an interval
