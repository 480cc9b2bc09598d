"""A fitted latency model: what a call takes for its tokens, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from latprobe.analysis.intervals import Estimate, Floats, Interval, interval_of
from latprobe.analysis.latency_model.calls import CallColumns
from latprobe.analysis.latency_model.new_lengths import new_lengths
from latprobe.analysis.latency_model.part import FittedPart, Term
from latprobe.analysis.latency_model.slopes import Slope, TokenRange
from latprobe.analysis.refusal import Refusal

# A target this share of the recorded range outside of it is not predicted.
FARTHEST_OUTSIDE = 0.25


@dataclass(frozen=True, slots=True)
class LatencyModel:
    """`parts` add up to the duration without the queue.

    `calls` were fitted, `cold_calls` set apart before. `held_out_ns` are whole durations of calls
    predicted from calls of other times, beside what was `measured_ns`. `skill` is of these.
    `autocorrelation`: of residuals from call to call. `ranges`: recorded tokens of the terms.
    """

    parts: tuple[FittedPart, ...]
    slopes: tuple[Slope, ...]
    ranges: Mapping[Term, TokenRange]
    calls: int
    fitted_calls: int
    cold_calls: int
    skill: float
    autocorrelation: float
    queue_ns: Estimate | None
    measured_ns: Floats
    held_out_ns: Floats
    spread_power: float
    new_length_share: float
    notes: tuple[str, ...]

    @property
    def constant_ns(self) -> Estimate:
        """What a call takes before its first token counts, without the queue."""
        draws = sum((part.draws[:, 0] for part in self.parts), np.zeros(len(self.parts[0].draws)))
        return Estimate(float(sum(part.line[0] for part in self.parts)), interval_of(draws))

    def slope(self, term: Term) -> Slope | None:
        """What is known of a term; None for one that the model does not have."""
        return next((slope for slope in self.slopes if slope.term == term), None)

    def predict(
        self, input_tokens: float, output_tokens: float, *, new: float | None = None
    ) -> Estimate | Refusal:
        """A call's duration in ns, and where 95 % of single calls lie; the queue's median included.

        The interval is of held-out calls (split conformal: its rank counts the new call), not of
        the mean. `new`: positions no earlier call had reached; None as in the latest calls.
        """
        for term, tokens in (("input", input_tokens), ("output", output_tokens)):
            reason = self.outside(term, tokens)  # type: ignore[arg-type]  # one of two literals
            if reason is not None:
                return Refusal(reason)
        fresh = self.new_length_share * output_tokens if new is None else new
        columns = token_columns(input_tokens, output_tokens, fresh)
        value = float(sum(part.fitted(columns)[0] for part in self.parts))
        value += self.queue_ns.value if self.queue_ns else 0.0
        return Estimate(value, self.call_interval(value))

    def outside(self, term: Term, tokens: float) -> str | None:
        """Why so many tokens are too far from what was recorded; None where they are not."""
        recorded = self.ranges.get(term)
        if recorded is None:
            return None
        beyond = max(recorded.least - tokens, tokens - recorded.most)
        if beyond <= FARTHEST_OUTSIDE * (recorded.most - recorded.least):
            return None
        return (
            f"{tokens:,.0f} {term} tokens are far from what was recorded "
            f"({recorded.least:,.0f} to {recorded.most:,.0f}); record some calls like that first."
        )

    def call_interval(self, value_ns: float) -> Interval | None:
        """Where 95 % of single calls lie of which so much is predicted, in ns (split conformal)."""
        scale = self.held_out_ns**self.spread_power
        errors = np.sort((self.measured_ns - self.held_out_ns) / scale)
        count = len(errors)
        high = min(int(np.ceil(0.975 * (count + 1))) - 1, count - 1)
        low = max(int(np.floor(0.025 * (count + 1))) - 1, 0)
        near, far = (
            value_ns + float(errors[at]) * value_ns**self.spread_power for at in (low, high)
        )
        return Interval(max(near, 0.0), far)


def token_columns(input_tokens: float, output_tokens: float, new: float) -> dict[Term, Floats]:
    """The columns of one call."""
    return {
        "constant": np.ones(1),
        "input": np.array([input_tokens]),
        "output": np.array([output_tokens]),
        "new_lengths": np.array([new]),
    }


def columns_of(calls: CallColumns, *, with_lengths: bool = True) -> dict[Term, Floats]:
    """The columns of the calls; tokens that are not known are 0, and lengths not asked for."""
    return {
        "constant": np.ones(len(calls)),
        "input": np.nan_to_num(calls.input_tokens),
        "output": np.nan_to_num(calls.output_tokens),
        "new_lengths": new_lengths(calls) if with_lengths else np.zeros(len(calls)),
    }
