"""How much a figure changed between two series, its interval, and how surely it changed.

A percentile rests on few requests: the p95 of 300 on fifteen. Its change is shown as measured, but
whether there is one is also asked of how the whole upper half of the durations moved (for the p50:
all of them), as long as that does not contradict the percentile itself. Both questions share the
error allowed (weighted Bonferroni: 2/3 and 1/3).
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.compare.large_samples import level_draws, mean_draws
from latprobe.analysis.compare.student import one_sided_p, two_sided_width
from latprobe.analysis.intervals import (
    DRAWS,
    Estimate,
    Interval,
    block_draws,
    block_length_by_ranks,
    interval_of,
)

Floats = NDArray[np.float64]

LEVELS: Floats = np.arange(1, 20) / 20
# Which of the levels tell how the durations around a percentile moved.
_AROUND = {0.5: slice(0, 19), 0.95: slice(9, 19)}
# Fewer rows a side say nothing about their own noise; a p95 of fewer is their maximum.
FEWEST = 8
FEWEST_P95 = 20
# Unless they are all the same.
FEWEST_SAME = 3
# How far the percentile may fall behind the rest and still be said to move with it: 95 %, one side.
_AGREES = NormalDist().inv_cdf(0.95)
_SHIFT_PART, _OWN_PART = 2 / 3, 1 / 3


@dataclass(frozen=True, slots=True)
class Change:
    """From before to after: 0.1 is 10 % more, for shares 10 percentage points.

    `p_up` and `p_down` are the chances of so clear a rise or fall between two recordings of the
    same; None where there are too few rows to ask. `size_up` and `size_down` are what the rise and
    the fall are judged by. `shift` is the change of the durations around a percentile.
    """

    value: float
    interval: Interval | None
    p_up: float | None = None
    p_down: float | None = None
    size_up: float = 0.0
    size_down: float = 0.0
    shift: Estimate | None = None

    @property
    def is_certain(self) -> bool:
        """Nothing varied on either side: what differs differs, without a test."""
        interval = self.interval
        return interval is not None and interval.low == interval.high

    @property
    def p_value(self) -> float | None:
        """Two-sided."""
        if self.p_up is None or self.p_down is None:
            return None
        return min(1.0, 2 * min(self.p_up, self.p_down))


@dataclass(frozen=True, slots=True)
class Drawn:
    """A statistic of one series and of its resamples; `blocks` as good as independent of them."""

    value: Floats
    draws: Floats
    blocks: float
    rows: int


def draw_levels(series: NDArray[np.generic], rng: np.random.Generator) -> Drawn:
    """The logarithms of a series' percentiles 5, 10, ... 95."""
    values = np.log(np.maximum(np.asarray(series, np.float64), 1.0))
    rows, block = len(values), memory(values, rng)
    draws = level_draws(values, LEVELS, block=block, draws=DRAWS, rng=rng)
    if draws is not None:
        return Drawn(np.quantile(values, LEVELS), draws, rows / block, rows)
    ordered, ranks = np.unique(values, return_inverse=True)
    draws = np.empty((DRAWS, len(LEVELS)))
    for place, chosen in enumerate(block_draws(rows, rng=rng, block=block)):
        # How often each value was drawn tells the percentiles: sorting took ten times as long.
        draws[place] = _levels(ordered, np.bincount(ranks[chosen], minlength=len(ordered)))
    return Drawn(_levels(ordered, np.bincount(ranks)), draws, rows / block, rows)


def draw_mean(series: Floats, rng: np.random.Generator) -> Drawn:
    """The mean of a series."""
    rows, block = len(series), memory(series, rng)
    draws = mean_draws(series, block=block, draws=DRAWS, rng=rng)
    if draws is None:
        draws = np.array(
            [float(series[chosen].mean()) for chosen in block_draws(rows, rng=rng, block=block)]
        )
    return Drawn(np.array([series.mean()]), draws[:, None], rows / block, rows)


def percentile_change(before: Drawn, after: Drawn, quantile: float) -> Change:
    """The relative change of a percentile, from what `draw_levels` gives."""
    at = int(np.argmin(np.abs(LEVELS - quantile)))
    value, draws = after.value - before.value, after.draws - before.draws
    own, own_draws = float(value[at]), draws[:, at]
    freedom = _freedom(before, after)
    interval = _interval(own, own_draws, freedom)
    if min(before.rows, after.rows) < (FEWEST if quantile < 0.9 else FEWEST_P95):
        return _too_few(own, own_draws, interval, rows=min(before.rows, after.rows))
    around = _AROUND[quantile]
    weight = 1 / np.maximum(draws[:, around].var(axis=0), 1e-18)
    weight /= weight.sum()
    shift, shift_draws = float(value[around] @ weight), draws[:, around] @ weight
    # As good as constant: rounding in the weighted sum is no change.
    if abs(shift) < 1e-9:
        shift = 0.0
    apart = _AGREES * float((shift_draws - own_draws).std())
    up = _with_shift(own, own_draws, shift, shift_draws, apart, freedom)
    down = _with_shift(-own, -own_draws, -shift, -shift_draws, apart, freedom)
    return Change(
        float(np.expm1(own)),
        _relative(interval),
        p_up=up[0],
        p_down=down[0],
        size_up=float(np.expm1(up[1])),
        size_down=float(-np.expm1(-down[1])),
        shift=Estimate(float(np.expm1(shift)), _relative(_interval(shift, shift_draws, freedom))),
    )


def mean_change(before: Drawn, after: Drawn) -> Change | None:
    """The relative change of a mean, from what `draw_mean` gives; None from zero to something."""
    if before.value[0] <= 0 or after.value[0] <= 0:
        is_same = before.value[0] == after.value[0]
        return Change(0.0, Interval(0.0, 0.0), 1.0, 1.0) if is_same else None
    low = 1e-3  # a resample without any token: its share of all is no matter of logarithms
    first, second = (
        np.log(np.maximum(each.draws[:, 0], low * each.value[0])) for each in (before, after)
    )
    own, draws = float(np.log(after.value[0] / before.value[0])), second - first
    freedom = _freedom(before, after)
    interval = _interval(own, draws, freedom)
    if min(before.rows, after.rows) < FEWEST:
        return _too_few(own, draws, interval, rows=min(before.rows, after.rows))
    up, down = _own_p(own, draws, freedom), _own_p(-own, -draws, freedom)
    value = float(np.expm1(own))
    return Change(value, _relative(interval), up, down, value, -value)


def memory(series: NDArray[np.generic], rng: np.random.Generator) -> int:
    """The series' `block_length`, equal values in a random order.

    In the order of time they would look like a trend: 300 requests without an error, or of the
    same number of tokens, would count as ten.
    """
    order = np.lexsort((rng.random(len(series)), series))
    ranks = np.empty(len(series), np.float64)
    ranks[order] = np.arange(len(series))
    return block_length_by_ranks(ranks)


def share_change(
    before: NDArray[np.bool_], after: NDArray[np.bool_], rng: np.random.Generator
) -> Change:
    """The change of a share, in points (Agresti and Caffo, 2000, widened by autocorrelation)."""
    shares, variance = [], 0.0
    for each in (before, after):
        share = (each.sum() + 1) / (len(each) + 2)
        variance += share * (1 - share) / (len(each) + 2) * memory(each, rng)
        shares.append(float(share))
    moved, error = shares[1] - shares[0], float(np.sqrt(variance))
    value = float(after.mean() - before.mean())
    half = NormalDist().inv_cdf(0.975) * error
    interval = Interval(max(min(moved - half, value), -1.0), min(max(moved + half, value), 1.0))
    if min(len(before), len(after)) < FEWEST:
        return Change(value, interval)
    up, down = NormalDist().cdf(-moved / error), NormalDist().cdf(moved / error)
    return Change(value, interval, up, down, value, -value)


def _with_shift(
    own: float, own_draws: Floats, shift: float, shift_draws: Floats, apart: float, freedom: float
) -> tuple[float, float]:
    """The chance of so clear a rise, and its size, on the scale of logarithms."""
    alone = _own_p(own, own_draws, freedom)
    if shift - own > apart:
        return alone, own
    moved = one_sided_p(shift, float(shift_draws.std()), freedom)
    return min(1.0, moved / _SHIFT_PART, alone / _OWN_PART), max(own, shift)


def _own_p(value: float, draws: Floats, freedom: float) -> float:
    """By Student's t and by the resamples themselves, whichever is less sure: tails of few rows
    are not normal."""
    beyond = float((draws <= 0).mean())
    return max(one_sided_p(value, float(draws.std()), freedom), beyond)


def _too_few(own: float, draws: Floats, interval: Interval | None, *, rows: int) -> Change:
    """Without a test, unless each side is the same number again and again."""
    value = float(np.expm1(own))
    if rows < FEWEST_SAME:
        return Change(value, None, size_up=value, size_down=-value)
    if np.ptp(draws) < 1e-12:
        p_up = 0.0 if own > 0 else 1.0
        p_down = 0.0 if own < 0 else 1.0
        return Change(value, _relative(interval), p_up, p_down, value, -value)
    return Change(value, _relative(interval), size_up=value, size_down=-value)


def _freedom(before: Drawn, after: Drawn) -> float:
    return max(min(before.blocks, after.blocks) - 1, 2.0)


def _interval(value: float, draws: Floats, freedom: float) -> Interval | None:
    """95 % of the resamples, wider where they had few independent blocks to draw from."""
    middle = interval_of(draws)
    if middle is None:
        return None
    width = two_sided_width(freedom)
    return Interval(
        min(value + (middle.low - value) * width, value),
        max(value + (middle.high - value) * width, value),
    )


def _relative(interval: Interval | None) -> Interval | None:
    if interval is None:
        return None
    return Interval(float(np.expm1(interval.low)), float(np.expm1(interval.high)))


def _levels(values: Floats, counts: NDArray[np.int64]) -> Floats:
    """The levels of a series that has each of the ordered values so many times."""
    until = np.cumsum(counts)
    last = int(until[-1]) - 1
    place = LEVELS * last
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, last)
    below, above = (values[np.searchsorted(until, rank, side="right")] for rank in (low, high))
    return np.asarray(below + (above - below) * (place - low))
