"""Calls of one model, template and replica to a latency model, or to why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from latprobe.analysis.counted import counted
from latprobe.analysis.intervals import SEED, Floats, quantile_interval
from latprobe.analysis.latency_model.calls import CallColumns, Flags
from latprobe.analysis.latency_model.cold_calls import cold_calls
from latprobe.analysis.latency_model.fit_notes import fit_notes, lag1
from latprobe.analysis.latency_model.long_context import slows_with_context
from latprobe.analysis.latency_model.model import LatencyModel, columns_of
from latprobe.analysis.latency_model.part import (
    TOKEN_TERMS,
    FittedPart,
    PartName,
    Term,
    fit_part,
    skill,
    spread_power,
)
from latprobe.analysis.latency_model.slopes import (
    WORDS,
    Slope,
    TokenRange,
    fixed_slope,
    slope_of,
    variance_inflation,
    without_all_of_it,
)
from latprobe.analysis.refusal import Refusal

# With fewer calls an interval says more of its method than of the calls.
FEWEST_CALLS = 50
# More calls than this narrow nothing that matters; evenly spaced ones are fitted.
MOST_FITTED = 1200


@dataclass(frozen=True, slots=True)
class _Sample:
    """The calls that are fitted, their columns and the recorded tokens."""

    calls: CallColumns
    columns: dict[Term, Floats]
    ranges: dict[Term, TokenRange]
    is_streamed: bool

    def varies(self, term: Term) -> bool:
        return term in self.ranges and not self.ranges[term].hardly_varies

    def without(self, left_out: Flags) -> _Sample:
        columns = {term: column[~left_out] for term, column in self.columns.items()}
        return replace(self, calls=self.calls.take(~left_out), columns=columns)


@dataclass(frozen=True, slots=True)
class _Task:
    """A part to be fitted: which terms it may have, and its times."""

    name: PartName
    may_have: tuple[Term, ...]
    times_ns: Floats


def fit_latency(
    calls: CallColumns, *, fewest: int = FEWEST_CALLS, seed: int = SEED
) -> LatencyModel | Refusal:
    """How the calls' time follows their tokens.

    Streamed calls in two parts: until the first token by input, from there by output; others in
    one. The queue is taken out where it was recorded. Slopes are associations in these calls.
    """
    known = calls.take(_usable(calls))
    if len(known) < fewest:
        return Refusal(
            f"Only {counted(len(known), 'call')} with tokens and a duration "
            f"{'was' if len(known) == 1 else 'were'} recorded; a latency model "
            f"needs {fewest}. Record more calls."
        )
    sample = _sample(known)
    varying = [term for term in TOKEN_TERMS if sample.varies(term)]
    if not varying:
        reasons = [fixed_slope(term, sample.ranges.get(term)).reason for term in TOKEN_TERMS]
        return Refusal(next(reason for reason in reversed(reasons) if reason))
    is_cold = cold_calls(sample.calls, sample.columns, varying)
    warm = sample.without(is_cold)
    rng = np.random.default_rng(seed)
    parts = tuple(
        fit_part(
            task.name,
            ["constant", *(term for term in task.may_have if term in varying)],
            warm.columns,
            task.times_ns,
            rng=rng,
        )
        for task in _tasks(warm)
    )
    model = _assemble(warm, parts, _slopes(warm, parts, rng))
    model = replace(model, calls=len(known), cold_calls=int(is_cold.sum()))
    refused = _refusal(model)
    return replace(model, notes=fit_notes(model, warm.calls)) if refused is None else refused


def _sample(calls: CallColumns) -> _Sample:
    """The calls to fit; lengths are counted over all of them before any is left out."""
    columns = columns_of(calls)
    streamed = _streamed(calls)
    rows = np.arange(len(calls)) if streamed is None else np.flatnonzero(streamed)
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_FITTED)).astype(np.int64)]
    chosen = calls.take(rows)
    at_rows = {term: column[rows] for term, column in columns.items()}
    return _Sample(chosen, at_rows, _ranges(chosen), streamed is not None)


def _usable(calls: CallColumns) -> Flags:
    """Calls with a duration and, where others have them, both counts."""
    known = calls.duration_ns > 0
    for tokens in (calls.input_tokens, calls.output_tokens):
        has = ~np.isnan(tokens)
        if has.sum() > 0.5 * len(calls):
            known &= has
    return np.asarray(known)


def _streamed(calls: CallColumns) -> Flags | None:
    """The calls whose first token is timed; None where nearly all have to be, and are not.

    A client that got everything at once may say its end as its first token: not streamed.
    """
    with np.errstate(invalid="ignore"):
        timed = (calls.ttft_ns > 0) & (calls.ttft_ns <= calls.duration_ns)
        before_end = calls.ttft_ns < 0.98 * calls.duration_ns
    long = timed & (np.nan_to_num(calls.output_tokens) > 1)
    if timed.sum() < 0.9 * len(calls) or before_end[long].sum() < 0.9 * long.sum():
        return None
    return np.asarray(timed)


def _ranges(calls: CallColumns) -> dict[Term, TokenRange]:
    columns: tuple[tuple[Term, Floats], ...] = (
        ("input", calls.input_tokens),
        ("output", calls.output_tokens),
    )
    return {
        term: TokenRange.of(tokens, _words(term, calls))
        for term, tokens in columns
        if not np.isnan(tokens).any()
    }


def _words(term: Term, calls: CallColumns) -> str:
    """Where a part of the input came from a cache, the counts are not those of the whole input."""
    is_cached = term == "input" and bool(np.any(calls.context_tokens > calls.input_tokens))
    return f"uncached {WORDS[term]}" if is_cached else WORDS[term]


def _tasks(sample: _Sample) -> list[_Task]:
    calls, queue = sample.calls, np.nan_to_num(sample.calls.queue_ns)
    if not sample.is_streamed:
        return [_Task("duration", TOKEN_TERMS, np.maximum(calls.duration_ns - queue, 0))]
    return [
        _Task("ttft", ("input",), np.maximum(calls.ttft_ns - queue, 0)),
        _Task("decode", ("output",), calls.duration_ns - calls.ttft_ns),
    ]


def _slopes(
    sample: _Sample, parts: Sequence[FittedPart], rng: np.random.Generator
) -> tuple[Slope, ...]:
    usual_ns = float(np.median(sample.calls.duration_ns))
    found = [slope for part in parts for slope in _slopes_of(part, sample, usual_ns)]
    if any(slope.term == "input" and slope.finding == "does_not_matter" for slope in found):
        tokens = sample.ranges["input"]
        if slows_with_context(parts, sample.columns, tokens, usual_ns=usual_ns, rng=rng):
            found = [without_all_of_it(slope) for slope in found]
    missing = [term for term in TOKEN_TERMS if term not in {slope.term for slope in found}]
    return (*found, *(fixed_slope(term, sample.ranges.get(term)) for term in missing))


def _slopes_of(part: FittedPart, sample: _Sample, usual_ns: float) -> list[Slope]:
    tokens = [term for term in part.terms if term in TOKEN_TERMS]
    inflation = variance_inflation([sample.columns[term] for term in tokens])
    found = [
        slope_of(part, term, sample.ranges[term], usual_ns=usual_ns, inflation=inflation)
        for term in tokens
    ]
    if "new_lengths" in part.terms:
        reach = TokenRange.of(sample.columns["new_lengths"], WORDS["new_lengths"])
        found.append(slope_of(part, "new_lengths", reach, usual_ns=usual_ns, inflation=1.0))
    return found


def _assemble(
    sample: _Sample, parts: tuple[FittedPart, ...], slopes: tuple[Slope, ...]
) -> LatencyModel:
    calls = sample.calls
    has_queue = bool(np.isfinite(calls.queue_ns).mean() > 0.5)
    queue = quantile_interval(np.nan_to_num(calls.queue_ns), 0.5) if has_queue else None
    held_out = sum((part.held_out_ns for part in parts), np.zeros(len(calls)))
    held_out = held_out + (queue.value if queue else 0.0)
    constant = np.full(len(calls), np.median(calls.duration_ns))
    latest = {term: float(column[-100:].sum()) for term, column in sample.columns.items()}
    return LatencyModel(
        parts=parts,
        slopes=slopes,
        ranges=sample.ranges,
        calls=len(calls),
        fitted_calls=len(calls),
        cold_calls=0,
        skill=skill(calls.duration_ns, held_out, constant),
        autocorrelation=lag1(calls.duration_ns / held_out),
        queue_ns=queue,
        measured_ns=calls.duration_ns,
        held_out_ns=held_out,
        spread_power=spread_power(calls.duration_ns, held_out),
        new_length_share=latest["new_lengths"] / max(latest["output"], 1.0),
        notes=(),
    )


def _refusal(model: LatencyModel) -> Refusal | None:
    """None where at least one slope is known to matter or known not to."""
    if any(slope.finding != "unknown" for slope in model.slopes):
        return None
    reasons = [slope.reason for slope in model.slopes if slope.reason and slope.ns_per_token]
    return Refusal(reasons[-1] if reasons else "Nothing can be told of these calls.")
