"""When a counter's windows really were, from how well the stages then active explain them.

A reading is stamped when it was asked for. The card made it some ms before, and where it makes
one every 100 ms by its own clock, that lag wanders as the two clocks drift apart. A short stage is
lost by a few ms of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from latprobe.analysis.gpu.counters import Windows
from latprobe.analysis.gpu.least_squares import Fit, fit
from latprobe.analysis.gpu.occupancy import Floats, Segments, idle_share, occupancy
from latprobe.analysis.spans import Ints

COARSE_NS = tuple(range(-40_000_000, 141_000_000, 5_000_000))
FINE_NS = tuple(range(-2_500_000, 2_600_000, 500_000))
NEAR_NS = tuple(range(-10_000_000, 10_100_000, 2_500_000))
# The lag is taken to be steady over this many windows, about 6 s. With shorter sections there is
# so much to choose from that neighbouring stages' shares are traded for lags.
SECTION_WINDOWS = 60
# A lag that wanders must explain this much of what a constant one leaves; chance alone explains
# a few percent.
MIN_GAIN = 0.15
# A change of the lag by 5 ms weighs as much as one window that is off by one standard deviation.
STEP_COST = 1.0
ROUNDS = 3
MAX_STARTS = 2
# A lag that leaves this much more than the best one is not chosen by any resample.
AS_GOOD = 1.25


def columns_at(segments: Segments, stages: int, windows: Windows, delay_ns: Ints | int) -> Floats:
    """Each stage's share of each window, then the idle share, if readings come this late."""
    start, end = windows.start_ns - delay_ns, windows.end_ns - delay_ns
    active = occupancy(segments, stages, start, end)
    return np.column_stack((active, idle_share(segments, start, end)))


@dataclass(frozen=True, slots=True)
class Aligned:
    """`delay_ns`: how late each window's reading is. `candidates` (lags x windows x columns): the
    columns at that lag and at all others that explain the readings nearly as well."""

    delay_ns: Ints
    candidates: Floats


def align(
    segments: Segments,
    stages: int,
    windows: Windows,
    seen: Ints,
    most: float | None,
    delay_ns: Ints | None = None,
) -> Aligned:
    """The lag that explains the readings best by the columns `seen`, and its doubt.

    `delay_ns` is what another counter of the same windows said.
    """

    def at(delays_ns: list[Ints]) -> Floats:
        return np.stack([columns_at(segments, stages, windows, d)[:, seen] for d in delays_ns])

    if delay_ns is not None:
        candidates = at([delay_ns, *(delay_ns + step for step in NEAR_NS)])
        return Aligned(delay_ns, _as_good(candidates, windows.value, most))
    nothing = np.zeros(len(windows), np.int64)
    delays = [nothing + step for step in COARSE_NS]
    coarse = at(delays)
    found = fit(coarse, windows.value, most=most, resamples=0)
    delay = delays[found.chosen]
    wandering = _wandering(at, coarse, windows, found, most)
    if wandering is not None:
        delay = wandering
    fine = [delay + step for step in FINE_NS]
    delay = fine[fit(at(fine), windows.value, most=most, resamples=0).chosen]
    others = delays if wandering is None else [delay + step for step in NEAR_NS]
    candidates = np.concatenate((at([delay]), at(others)))
    return Aligned(delay, _as_good(candidates, windows.value, most))


def _wandering(
    at: Callable[[list[Ints]], Floats],
    coarse: Floats,
    windows: Windows,
    steady: Fit,
    most: float | None,
) -> Ints | None:
    """The lag of each window, where it wanders; None if a constant one does nearly as well.

    Lags and values are found in turn, from the values of each section of the time.
    """
    readings = windows.value
    sections = _sections(len(readings))
    starts = [fit(coarse[:, rows], readings[rows], most=most, resamples=0) for rows in sections]
    best_left, best = np.inf, None
    for values in (steady.value, *(start.value for start in starts[:MAX_STARTS])):
        for _ in range(ROUNDS):
            delay = _section_delays(coarse, readings, values, sections)
            columns = at([delay])
            values = fit(columns, readings, most=most, resamples=0).value
        left = _left(columns[0], readings, values)
        if left < best_left:
            best_left, best = left, delay
    constant = _left(coarse[steady.chosen], readings, steady.value)
    return best if best_left < (1 - MIN_GAIN) * constant else None


def _sections(count: int) -> list[Ints]:
    return list(np.array_split(np.arange(count, dtype=np.int64), max(count // SECTION_WINDOWS, 1)))


def _section_delays(
    candidates: Floats, readings: Floats, values: Floats, sections: list[Ints]
) -> Ints:
    """The lag of each section, such that they change little, with straight lines between."""
    squares = (candidates @ values - readings) ** 2
    sums = np.stack([squares[:, rows].sum(axis=1) for rows in sections], axis=1)
    usual = max(float(sums.min(axis=0).sum()) / len(readings), 1e-9)
    steps = np.abs(np.arange(len(sums))[:, None] - np.arange(len(sums)))
    cost, came = sums[:, 0] / usual, []
    for section in range(1, len(sections)):
        ways = cost[:, None] + STEP_COST * steps
        came.append(np.argmin(ways, axis=0))
        cost = np.min(ways, axis=0) + sums[:, section] / usual
    path = [int(np.argmin(cost))]
    for back in reversed(came):
        path.append(int(back[path[-1]]))
    centres = [float(rows.mean()) for rows in sections]
    lags = np.asarray(COARSE_NS, np.float64)[path[::-1]]
    return np.interp(np.arange(len(readings)), centres, lags).astype(np.int64)


def _as_good(candidates: Floats, readings: Floats, most: float | None) -> Floats:
    left = fit(candidates, readings, most=most, resamples=0).left
    return np.asarray(candidates[left <= AS_GOOD * max(left.min(), 1e-9)], np.float64)


def _left(columns: Floats, readings: Floats, values: Floats) -> float:
    return float(((columns @ values - readings) ** 2).sum())
