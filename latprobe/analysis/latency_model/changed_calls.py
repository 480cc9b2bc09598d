"""Recorded calls with other tokens, under a fitted model: what each would save."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from latprobe.analysis.intervals import Floats
from latprobe.analysis.latency_model.calls import CallColumns
from latprobe.analysis.latency_model.model import LatencyModel, columns_of
from latprobe.analysis.latency_model.part import TOKEN_TERMS, FittedPart, Term
from latprobe.analysis.refusal import Refusal

# More calls than this far outside of what was recorded, and the line is not continued to them.
_MOST_OUTSIDE = 0.1


@dataclass(frozen=True, slots=True)
class TokenChange:
    """Input tokens times a factor; output tokens times a factor, and at most a limit."""

    input_factor: float = 1.0
    output_factor: float = 1.0
    output_limit: int | None = None

    def output(self, tokens: Floats) -> Floats:
        """The output tokens after the change."""
        scaled = tokens * self.output_factor
        return scaled if self.output_limit is None else np.minimum(scaled, self.output_limit)

    def apply(self, calls: CallColumns) -> CallColumns:
        """The calls with their tokens after the change."""
        return calls.with_tokens(
            input_factor=self.input_factor, output=self.output(calls.output_tokens)
        )


@dataclass(frozen=True, slots=True)
class ChangedCalls:
    """Calls of one model before and after; `certain` is the change that the point answer takes.

    They differ where a slope is too small to matter and may be 0: nothing is then claimed, while
    the draws keep what is not known.
    """

    model: LatencyModel
    before: Mapping[Term, Floats]
    after: Mapping[Term, Floats]
    certain: Mapping[Term, Floats]
    times_ns: tuple[Floats, ...]
    notes: tuple[str, ...]

    def saved_ns(self, draw: int | None = None) -> Floats:
        """How much shorter each call gets, in ns; under one bootstrap draw if asked."""
        after = self.certain if draw is None else self.after
        saved = np.zeros(len(self.before["constant"]))
        for part, times in zip(self.model.parts, self.times_ns, strict=True):
            line = part.line if draw is None else part.draws[draw]
            power = part.spread_power if draw is None else float(part.spread_draws[draw])
            saved += _saved(part, line, power, self.before, after, times)
        return saved


def changed_calls(
    model: LatencyModel, calls: CallColumns, change: TokenChange
) -> ChangedCalls | Refusal:
    """What the model says of these calls after the change, or why it cannot say."""
    return changed_to(model, calls, change.apply(calls))


def changed_to(
    model: LatencyModel, calls: CallColumns, later: CallColumns
) -> ChangedCalls | Refusal:
    """The same of calls that have the tokens of `later`, row by row."""
    needs_lengths = any("new_lengths" in part.terms for part in model.parts)
    before = columns_of(calls, with_lengths=needs_lengths)
    after = columns_of(later, with_lengths=needs_lengths)
    certain, notes = dict(after), list(model.notes)
    for term in TOKEN_TERMS:
        if np.allclose(before[term], after[term]):
            continue
        refused = _refused(model, term, before[term], after[term])
        if refused is not None:
            return refused
        if _is_nothing(model, term):
            certain[term] = before[term]
        notes += _outside_note(model, term, before[term], after[term])
    if certain["output"] is before["output"]:
        certain["new_lengths"] = before["new_lengths"]
    times = tuple(_times(part, calls) for part in model.parts)
    return ChangedCalls(model, before, after, certain, times, tuple(notes))


def _refused(model: LatencyModel, term: Term, before: Floats, after: Floats) -> Refusal | None:
    slope = model.slope(term)
    if slope is None or slope.finding == "unknown":
        reason = slope.reason if slope else None
        return Refusal(reason or f"What {term} tokens cost is not known here.")
    changed = after[before != after]
    outside = [model.outside(term, tokens) for tokens in np.unique(changed).tolist()]
    if not any(outside):
        return None
    reasons = dict(zip(np.unique(changed).tolist(), outside, strict=True))
    far = np.array([tokens for tokens in changed.tolist() if reasons[tokens]])
    if len(far) <= _MOST_OUTSIDE * len(changed):
        return None
    typical = float(np.quantile(far, 0.5, method="nearest"))
    return Refusal(str(reasons[typical]))


def _is_nothing(model: LatencyModel, term: Term) -> bool:
    slope = model.slope(term)
    if slope is None or slope.finding != "does_not_matter" or slope.ns_per_token is None:
        return False
    interval = slope.ns_per_token.interval
    return interval is None or interval.low <= 0


def _outside_note(model: LatencyModel, term: Term, before: Floats, after: Floats) -> list[str]:
    recorded = model.ranges[term]
    changed = after[before != after]
    share = float(np.mean((changed < recorded.least) | (changed > recorded.most)))
    if share == 0:
        return []
    return [
        f"{share:.0%} of the calls would have {term} tokens outside of what was recorded "
        f"({recorded.least:,.0f} to {recorded.most:,.0f}); the line is continued to there."
    ]


def _times(part: FittedPart, calls: CallColumns) -> Floats:
    queue = np.nan_to_num(calls.queue_ns)
    if part.name == "duration":
        return np.asarray(np.maximum(calls.duration_ns - queue, 0))
    if part.name == "ttft":
        return np.asarray(np.maximum(calls.ttft_ns - queue, 0))
    return np.asarray(np.maximum(calls.duration_ns - calls.ttft_ns, 0))


def _saved(
    part: FittedPart,
    line: Floats,
    power: float,
    before: Mapping[Term, Floats],
    after: Mapping[Term, Floats],
    times_ns: Floats,
) -> Floats:
    """The residual of each call shrinks with its fitted time to the power of the spread."""
    old, new = part.fitted(before, line), part.fitted(after, line)
    residual = np.where(np.isnan(times_ns), 0.0, times_ns - old)
    shrinking = np.minimum(residual, part.slowest * old)
    saved = (old - new) + shrinking * (1 - (new / old) ** power)
    is_shorter = new <= old
    most = np.where(np.isnan(times_ns), np.inf, times_ns)
    return np.where(is_shorter, np.clip(saved, 0.0, most), np.minimum(saved, 0.0))
