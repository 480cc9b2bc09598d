"""What a user has to know beside a model's figures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.counted import counted
from latprobe.analysis.intervals import Floats
from latprobe.analysis.latency_model.calls import CallColumns
from latprobe.analysis.latency_model.model import LatencyModel
from latprobe.analysis.spans import Ints

# Residuals of independent calls stay under this (LAD on recorded and simulated calls).
_DRIFTING = 0.14
_FAR = 5.0
_CORRELATED = 0.3


def fit_notes(model: LatencyModel, calls: CallColumns) -> tuple[str, ...]:
    """Sentences, the gravest first."""
    log_ratio = np.log(calls.duration_ns / model.held_out_ns)
    notes = [
        _drift(model.autocorrelation),
        _no_effect(model),
        _new_lengths(model),
        _load(log_ratio, calls),
        _cold(model.cold_calls),
        _outliers(log_ratio),
    ]
    return tuple(note for note in notes if note)


def lag1(series: Floats) -> float:
    """The correlation of each value's rank with the next one's; 0 where it never varies."""
    places = ranks(series)
    return correlation(places[:-1], places[1:])


def running_at_start(start_ns: Ints, duration_ns: Floats) -> Ints:
    """How many other calls ran when each began."""
    ends = np.sort(start_ns + np.nan_to_num(duration_ns).astype(np.int64))
    begun = np.arange(len(start_ns))
    return np.asarray(begun - np.searchsorted(ends, start_ns, side="right"))


def _drift(autocorrelation: float) -> str | None:
    if autocorrelation <= _DRIFTING:
        return None
    return (
        "The calls' speed drifts (slow calls follow slow ones), so this holds for your recorded "
        "calls; another time's load may differ."
    )


def _no_effect(model: LatencyModel) -> str | None:
    idle = [
        s.term for s in model.slopes if s.finding == "does_not_matter" and s.term != "new_lengths"
    ]
    if not idle:
        return None
    return f"The length of the {' and the '.join(idle)} does not matter here."


def _new_lengths(model: LatencyModel) -> str | None:
    slope = model.slope("new_lengths")
    if slope is None or slope.finding != "matters" or slope.ns_per_token is None:
        return None
    return (
        f"Each position that no earlier call of the process had reached takes "
        f"{slope.ns_per_token.value / 1e6:.1f} ms more: something is prepared for every new "
        "length. Warming up the lengths, or padding to a few of them, would save it."
    )


def _load(log_ratio: Floats, calls: CallColumns) -> str | None:
    running = running_at_start(calls.start_ns, calls.duration_ns)
    if len(np.unique(running)) < 2:
        return None
    if correlation(ranks(running), ranks(log_ratio)) < _CORRELATED:
        return None
    return "Calls that start while others run are slower: this holds at the recorded load."


def _cold(count: int) -> str | None:
    if not count:
        return None
    were = "first call was" if count == 1 else "first calls were"
    return f"{count} {were} cold and set apart."


def _outliers(log_ratio: Floats) -> str | None:
    spread = 1.4826 * float(np.median(np.abs(log_ratio - np.median(log_ratio))))
    count = int(np.sum(log_ratio > max(_FAR * spread, np.log(1.5))))
    if not count:
        return None
    return (
        f"{count} of {counted(len(log_ratio), 'call')} took far longer than their tokens explain."
    )


def ranks(values: NDArray[np.generic]) -> Floats:
    """Ranks; equal values share theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place], np.float64)


def correlation(first: Floats, second: Floats) -> float:
    if len(first) < 3 or first.std() == 0 or second.std() == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
