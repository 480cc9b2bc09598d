"""The figures that two recordings are compared by, of whole requests and of each stage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.compare.evidence import (
    Change,
    Drawn,
    draw_levels,
    draw_mean,
    mean_change,
    percentile_change,
    share_change,
)
from latprobe.analysis.compare.measured import Measured, StageCalls
from latprobe.analysis.compare.request_tokens import TokenColumns
from latprobe.analysis.intervals import Estimate, Interval, interval_of

Floats = NDArray[np.float64]

PERCENTILES = (("p50_ms", 0.5), ("p95_ms", 0.95))
TOKENS = ("input_tokens", "output_tokens", "cost_usd")
METRICS = ("p50_ms", "p95_ms", *TOKENS, "error_share", "throughput_per_s")


@dataclass(frozen=True, slots=True)
class Figure:
    """A Row before its verdict (see `Row`)."""

    stage: str | None
    metric: str
    before: float | None
    after: float | None
    change: Change | None
    effect_ms: Estimate | None
    count_before: int
    count_after: int

    @property
    def is_share(self) -> bool:
        """Its change is in points."""
        return self.metric == "error_share"

    @property
    def more_is_better(self) -> bool:
        """A rise is good."""
        return self.metric == "throughput_per_s"

    @property
    def p_value(self) -> float | None:
        """Two-sided; None where nothing could be asked."""
        return None if self.change is None else self.change.p_value


def request_figures(before: Measured, after: Measured, rng: np.random.Generator) -> list[Figure]:
    """The figures of whole requests."""
    counts = len(before), len(after)
    ms_before, ms_after = before.duration_ns / 1e6, after.duration_ns / 1e6
    effect = _difference(ms_before, ms_after, rng)
    found = [
        Figure(None, *each, effect, *counts)
        for each in _durations(before.duration_ns, after.duration_ns, rng)
    ]
    found += [
        Figure(None, *each, None, *counts) for each in _tokens(before.tokens, after.tokens, rng)
    ]
    found += [
        Figure(None, *each, None, *counts) for each in _errors(before.is_error, after.is_error, rng)
    ]
    rates = before.throughput_per_s, after.throughput_per_s
    if None not in rates:
        change = _rate_change(before, after, rng)
        found.append(Figure(None, "throughput_per_s", *rates, change, None, *counts))
    return found


def stage_figures(before: Measured, after: Measured, rng: np.random.Generator) -> list[Figure]:
    """The figures of each stage."""
    names = dict.fromkeys((*before.stages, *after.stages))
    return [figure for name in names for figure in _of_stage(name, before, after, rng)]


def _of_stage(
    name: str, before: Measured, after: Measured, rng: np.random.Generator
) -> Iterator[Figure]:
    first, second = before.stages.get(name), after.stages.get(name)
    effect = _difference(_critical_ms(first, before), _critical_ms(second, after), rng)
    if first is None or second is None:
        yield _one_sided(name, first, second, effect)
        return
    counts = len(first.request), len(second.request)
    for each in _durations(first.duration_ns, second.duration_ns, rng):
        yield Figure(name, *each, effect, *counts)
    for each in _tokens(first.tokens, second.tokens, rng):
        yield Figure(name, *each, effect, *counts)
    for each in _errors(first.is_error, second.is_error, rng):
        if each[1] or each[2]:
            yield Figure(name, *each, effect, *counts)


def _one_sided(
    name: str, first: StageCalls | None, second: StageCalls | None, effect: Estimate
) -> Figure:
    """A stage that only one side has."""
    p50 = [
        None if each is None else float(np.median(each.duration_ns)) / 1e6
        for each in (first, second)
    ]
    counts = [0 if each is None else len(each.request) for each in (first, second)]
    return Figure(name, "p50_ms", p50[0], p50[1], None, effect, counts[0], counts[1])


# A metric, its value before and after, its change.
_Compared = tuple[str, float | None, float | None, Change | None]


def _durations(
    before: NDArray[np.int64], after: NDArray[np.int64], rng: np.random.Generator
) -> list[_Compared]:
    first, second = draw_levels(before, rng), draw_levels(after, rng)
    return [
        (
            metric,
            float(np.quantile(before, quantile)) / 1e6,
            float(np.quantile(after, quantile)) / 1e6,
            percentile_change(first, second, quantile),
        )
        for metric, quantile in PERCENTILES
    ]


def _tokens(
    before: TokenColumns | None, after: TokenColumns | None, rng: np.random.Generator
) -> Iterator[_Compared]:
    for place, metric in enumerate(TOKENS):
        sides = [_known(each, place) for each in (before, after)]
        means = [float(each.mean()) if len(each) else None for each in sides]
        if means == [None, None] or not any(means):
            continue
        change = None
        if None not in means:
            change = mean_change(draw_mean(sides[0], rng), draw_mean(sides[1], rng))
        yield metric, means[0], means[1], change


def _known(columns: TokenColumns | None, place: int) -> Floats:
    if columns is None:
        return np.zeros(0)
    values = columns.columns()[place]
    return np.asarray(values[~np.isnan(values)], np.float64)


def _errors(
    before: NDArray[np.bool_], after: NDArray[np.bool_], rng: np.random.Generator
) -> Iterator[_Compared]:
    shares = float(before.mean()), float(after.mean())
    yield "error_share", *shares, share_change(before, after, rng)


def _rate_change(before: Measured, after: Measured, rng: np.random.Generator) -> Change | None:
    """The change of the throughput; what varies are the pauses between requests' starts."""
    first, second = start_pauses(before), start_pauses(after)
    if not len(first) or not len(second) or not first.any() or not second.any():
        return None
    drawn = [_at_rate(draw_mean(each, rng)) for each in (first, second)]
    return mean_change(*drawn)


def _at_rate(pauses: Drawn) -> Drawn:
    """The requests a second that pauses of so many ns leave room for."""
    least = 1e-3 * pauses.value
    return Drawn(1 / pauses.value, 1 / np.maximum(pauses.draws, least), pauses.blocks, pauses.rows)


def start_pauses(measured: Measured) -> Floats:
    """The ns between the starts of neighbouring requests of a run."""
    order = np.lexsort((measured.start_ns, measured.run))
    pauses = np.diff(measured.start_ns[order]).astype(np.float64)
    return np.asarray(pauses[np.diff(measured.run[order]) == 0], np.float64)


def _critical_ms(calls: StageCalls | None, measured: Measured) -> Floats:
    """What the stage adds to each request's critical path."""
    if calls is None:
        return np.zeros(len(measured))
    summed = np.bincount(calls.request, calls.critical_ns, minlength=len(measured))
    return np.asarray(summed / 1e6, np.float64)


def _difference(before: Floats, after: Floats, rng: np.random.Generator) -> Estimate:
    """The change of the mean, in the unit of the series."""
    value = float(after.mean() - before.mean())
    if min(len(before), len(after)) < 2:
        return Estimate(value, None)
    draws = draw_mean(after, rng).draws - draw_mean(before, rng).draws
    found = interval_of(draws[:, 0])
    if found is not None:
        found = Interval(min(found.low, value), max(found.high, value))
    return Estimate(value, found)
