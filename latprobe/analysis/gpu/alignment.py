"""When a counter's windows really were, from how well the stages then active explain them.

A reading is stamped when it was asked for. The card made it some ms before, and where it makes
one every 100 ms by its own clock, that lag wanders as the two clocks drift apart. A short stage is
lost by a few ms of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from latprobe.analysis.gpu.card_clock import At, card_windows, every
from latprobe.analysis.gpu.counters import Windows
from latprobe.analysis.gpu.least_squares import Fit, fit
from latprobe.analysis.gpu.occupancy import Floats
from latprobe.analysis.gpu.timeline import Timeline
from latprobe.analysis.spans import Ints

COARSE_NS = tuple(range(-40_000_000, 141_000_000, 5_000_000))
FINE_NS = tuple(range(-2_500_000, 2_600_000, 500_000))
NEAR_NS = tuple(range(-10_000_000, 10_100_000, 2_500_000))
# The lag is taken to be steady over this many windows, about 6 s. With shorter sections there is
# so much to choose from that neighbouring stages' shares are traded for lags.
SECTION_WINDOWS = 60
MIN_SECTION = 20
# A lag that wanders must explain this much of what a constant one leaves; chance alone explains
# a few percent.
MIN_GAIN = 0.15
# A change of the lag by 5 ms weighs as much as one window that is off by one standard deviation.
STEP_COST = 1.0
# The card's own clock is believed where it leaves no more of the readings' variance.
CLEAR = 0.1
ROUNDS = 3
MAX_STARTS = 2
# A lag that leaves this much more than the best one is not chosen by any resample.
AS_GOOD = 1.25


@dataclass(frozen=True, slots=True)
class Aligned:
    """`rows`: the windows that count. `delay_ns`: how late the reading of each of them is.
    `candidates` (lags x those windows x columns): the columns at that lag and at all others that
    explain the readings nearly as well. `explained`: the share of the readings' variance that the
    columns explain, 0..1. `doubt_ns`: by how much the lag may be another."""

    rows: Ints
    delay_ns: Ints
    candidates: Floats
    explained: float
    doubt_ns: tuple[int, ...]


def align(
    active: Timeline, windows: Windows, seen: Ints, most: float | None, known: Aligned | None = None
) -> Aligned:
    """The lag that explains the readings best by the columns `seen`, and its doubt.

    `known` is what another counter of the same windows said.
    """

    def at_windows(which: Windows, delays_ns: list[Ints]) -> Floats:
        found = np.empty((len(delays_ns), len(which), len(seen)))
        for at, delay_ns in enumerate(delays_ns):
            shares = active.shares(which.start_ns - delay_ns, which.end_ns - delay_ns)
            np.take(shares, seen, axis=1, out=found[at])
        return found

    everything = np.arange(len(windows))
    if known is not None:
        rows, delay, doubt, others = known.rows, known.delay_ns, known.doubt_ns, known.doubt_ns
    elif (by_clock := card_windows(at_windows, windows, most)) is not None and (
        by_clock.left <= CLEAR * float(np.var(windows.value))
    ):
        rows, delay, doubt, others = by_clock.rows, by_clock.delay_ns, FINE_NS, FINE_NS
    else:
        rows, doubt, others = everything, NEAR_NS, NEAR_NS
        delay, is_steady = _fitted_delay(at_windows, windows, most)
        if is_steady:
            others = tuple(step - int(delay[0]) for step in COARSE_NS)
    windows = windows.take(rows)
    if known is None:
        fine = [delay + step for step in FINE_NS]
        delay = fine[fit(at_windows(windows, fine), windows.value, most=most, resamples=0).chosen]
    candidates = at_windows(windows, [delay, *(delay + step for step in others)])
    left = fit(candidates, windows.value, most=most, resamples=0).left
    as_good = candidates[left <= AS_GOOD * max(left.min(), 1e-9)]
    total = float(((windows.value - windows.value.mean()) ** 2).sum())
    explained = max(0.0, 1.0 - float(left.min()) / total) if total > 0 else 0.0
    return Aligned(rows, delay, as_good, explained, doubt)


def _fitted_delay(at_windows: At, windows: Windows, most: float | None) -> tuple[Ints, bool]:
    """The best lag of each window to 5 ms, and whether it is one for all."""
    step = every(len(windows))
    rows = np.arange(0, len(windows), step)
    some = windows.take(rows)
    delays = [np.full(len(some), each, np.int64) for each in COARSE_NS]
    coarse = at_windows(some, delays)
    found = fit(coarse, some.value, most=most, resamples=0)
    wandering = _wandering(lambda d: at_windows(some, d), coarse, some, found, most, step)
    if wandering is None:
        return np.full(len(windows), COARSE_NS[found.chosen], np.int64), True
    return np.interp(np.arange(len(windows)), rows, wandering).astype(np.int64), False


def _wandering(
    at: Callable[[list[Ints]], Floats],
    coarse: Floats,
    windows: Windows,
    steady: Fit,
    most: float | None,
    step: int,
) -> Ints | None:
    """The lag of each window, where it wanders; None if a constant one does nearly as well.

    Lags and values are found in turn, from the values of each section of the time.
    """
    readings = windows.value
    sections = _sections(len(readings), max(SECTION_WINDOWS // step, MIN_SECTION))
    starts = [
        fit(coarse[:, rows], readings[rows], most=most, resamples=0)
        for rows in sections[:MAX_STARTS]
    ]
    best_left, best = np.inf, None
    for values in (steady.value, *(start.value for start in starts)):
        for _ in range(ROUNDS):
            delay = _section_delays(coarse, readings, values, sections)
            columns = at([delay])
            values = fit(columns, readings, most=most, resamples=0).value
        left = _left(columns[0], readings, values)
        if left < best_left:
            best_left, best = left, delay
    constant = _left(coarse[steady.chosen], readings, steady.value)
    return best if best_left < (1 - MIN_GAIN) * constant else None


def _sections(count: int, windows: int) -> list[Ints]:
    return list(np.array_split(np.arange(count, dtype=np.int64), max(count // windows, 1)))


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


def _left(columns: Floats, readings: Floats, values: Floats) -> float:
    return float(((columns @ values - readings) ** 2).sum())
