"""Two recordings side by side, as rows with a verdict each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from latprobe.analysis.compare.evidence import Change
from latprobe.analysis.compare.false_discovery import false_discovery_rate
from latprobe.analysis.compare.figures import Figure, request_figures, stage_figures
from latprobe.analysis.compare.measured import MAX_REQUESTS, Measured, measure
from latprobe.analysis.intervals import SEED, Estimate
from latprobe.analysis.no_data import nothing_found
from latprobe.analysis.scope import Scope
from latprobe.errors import UsageError
from latprobe.store.query import Query

Verdict = Literal["worse", "better", "same", "unclear", "appeared", "vanished"]

# A change is called one when no more than this share of such calls is expected to be wrong.
FALSE_DISCOVERIES = 0.05


@dataclass(frozen=True, slots=True)
class MinimalEffect:
    """Changes below it are of no interest: a share of the figure before, and for times at least
    so many ms; error shares in points."""

    share: float = 0.02
    ms: float = 1.0
    points: float = 0.005

    def of(self, figure: Figure) -> float:
        """On the scale of the figure's change."""
        if figure.is_share:
            return self.points
        if figure.metric.endswith("_ms") and figure.before:
            return max(self.share, self.ms / figure.before)
        return self.share


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of the whole request (`stage` None) or of one stage, before and after.

    `metric` carries its unit: p50_ms, p95_ms, input_tokens, output_tokens and cost_usd (means a
    request), error_share, throughput_per_s. `change` is relative (0.1: 10 % more), of error_share
    in points; None where a side has no such figure. `effect_ms` is what the stage adds to the mean
    request (its critical path); of whole requests the change of the mean. `adjusted_p` is the
    change's chance under "nothing changed", the false discovery rate controlled.
    """

    stage: str | None
    metric: str
    before: float | None
    after: float | None
    change: Change | None
    effect_ms: Estimate | None
    verdict: Verdict
    adjusted_p: float | None = None
    count_before: int = 0
    count_after: int = 0

    def to_json(self) -> dict[str, object]:
        """Plain values; `ci95` is [low, high] of the change."""
        change, effect = self.change, self.effect_ms
        interval = None if change is None else change.interval
        within = None if effect is None else effect.interval
        return {
            "stage": self.stage,
            "metric": self.metric,
            "before": self.before,
            "after": self.after,
            "change": None if change is None else change.value,
            "change_ci95": None if interval is None else interval.to_json(),
            "effect_ms": None if effect is None else effect.value,
            "effect_ci95_ms": None if within is None else within.to_json(),
            "verdict": self.verdict,
            "adjusted_p": self.adjusted_p,
            "count_before": self.count_before,
            "count_after": self.count_after,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Rows of the whole request first, then those of the stages by what they do to the request."""

    rows: tuple[Row, ...]
    requests_before: int
    requests_after: int
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """The documented keys of `latprobe compare --json`."""
        return {
            "requests_before": self.requests_before,
            "requests_after": self.requests_after,
            "rows": [row.to_json() for row in self.rows],
            "notes": list(self.notes),
        }

    def row(self, metric: str, stage: str | None = None) -> Row | None:
        """The row of this metric; None if there is none."""
        found = (row for row in self.rows if (row.stage, row.metric) == (stage, metric))
        return next(found, None)


def compare(
    query: Query,
    before: Scope,
    after: Scope,
    *,
    query_before: Query | None = None,
    minimal: MinimalEffect | None = None,
    max_requests: int = MAX_REQUESTS,
    seed: int = SEED,
) -> Comparison:
    """What changed from one scope to the other; `query_before` if that is in another store.

    Raises NoDataError when one of them has no requests, UsageError when they are the same.
    """
    if before == after and query_before is None:
        raise UsageError("Both sides are the same recording. Name another one for --before.")
    sides = ((query_before or query, before), (query, after))
    measured = []
    for asked, scope in sides:
        found = measure(asked, scope, max_requests=max_requests)
        if not len(found):
            raise nothing_found(asked, scope)
        measured.append(found)
    return compare_measured(*measured, minimal=minimal, seed=seed)


def compare_measured(
    before: Measured,
    after: Measured,
    *,
    minimal: MinimalEffect | None = None,
    seed: int = SEED,
) -> Comparison:
    """What changed from one recording to the other; both have requests."""
    effect = minimal or MinimalEffect()
    rng = np.random.default_rng(seed)
    whole = _judged(request_figures(before, after, rng), effect)
    parts = _judged(stage_figures(before, after, rng), effect)
    parts.sort(key=lambda row: (-_size(row), row.stage or ""))
    rows = (*whole, *parts)
    return Comparison(rows, before.requests, after.requests, _notes(before, after, rows))


def _judged(figures: list[Figure], minimal: MinimalEffect) -> list[Row]:
    """The figures with verdicts; the false discovery rate is controlled over all of them."""
    tested = [each for each in figures if each.p_value is not None]
    adjusted = false_discovery_rate([each.p_value or 0.0 for each in tested])
    known = {id(each): p for each, p in zip(tested, adjusted, strict=True)}
    return [_row(each, known.get(id(each)), minimal) for each in figures]


def _row(figure: Figure, adjusted: float | None, minimal: MinimalEffect) -> Row:
    return Row(
        stage=figure.stage,
        metric=figure.metric,
        before=figure.before,
        after=figure.after,
        change=figure.change,
        effect_ms=figure.effect_ms,
        verdict=_verdict(figure, adjusted, minimal.of(figure)),
        adjusted_p=adjusted,
        count_before=figure.count_before,
        count_after=figure.count_after,
    )


def _verdict(figure: Figure, adjusted: float | None, minimal: float) -> Verdict:
    if figure.count_before == 0 or figure.count_after == 0:
        return "appeared" if figure.count_before == 0 else "vanished"
    change = figure.change
    if change is None or adjusted is None:
        return "unclear"
    interval = change.interval
    if interval is not None and -minimal <= interval.low and interval.high <= minimal:
        return "same"
    if adjusted > FALSE_DISCOVERIES:
        return "unclear"
    p_up, p_down = change.p_up or 0.0, change.p_down or 0.0
    is_rise = p_up < p_down
    size = change.size_up if is_rise else change.size_down
    if size <= minimal:
        return "unclear"
    return "better" if is_rise == figure.more_is_better else "worse"


def _size(row: Row) -> float:
    return abs(row.effect_ms.value) if row.effect_ms is not None else 0.0


def _notes(before: Measured, after: Measured, rows: tuple[Row, ...]) -> tuple[str, ...]:
    notes = [f"Before: {note}" for note in before.notes]
    notes += [f"After: {note}" for note in after.notes]
    for verdict in ("appeared", "vanished"):
        names = dict.fromkeys(row.stage for row in rows if row.verdict == verdict)
        if names:
            listed = ", ".join(str(name) for name in names)
            notes.append(f"Stages that {verdict}: {listed}.")
    throughput = [row for row in rows if row.metric == "throughput_per_s"]
    if any(row.verdict in ("worse", "better") for row in throughput):
        notes.append("Throughput is what was asked of the program, unless requests had to wait.")
    return tuple(notes)
