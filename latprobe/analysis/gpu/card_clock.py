"""Where windows were that a card closes by a strict clock of its own.

An H200 closes a window of its hardware counters every 100 ms by its crystal, and shows it at steps
of another, slower clock: 0 to 100 ms later, and more from step to step, until after some minutes
a step shows two windows at once and the lag falls by a whole one. So a reading's own time says
little, and the number of its window all: once the phase of the card's clock is known, every
window's place is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from latprobe.analysis.gpu.counters import Windows
from latprobe.analysis.gpu.least_squares import MIN_WINDOWS, fit
from latprobe.analysis.gpu.occupancy import Floats
from latprobe.analysis.spans import Ints

# Periods are whole milliseconds by crystals, which differ by far less than this share.
PERIOD_DOUBT = 0.005
MIN_REGULAR = 0.7
# A reading tells of a window that closed 20 ms after its stamp at the most, and 180 before.
EARLY_SHARE = 0.2
# About 5 s: in it the lag is one, or the values start from another section.
SECTION_WINDOWS = 50
MAX_STARTS = 4
PHASES = 20
# Phases and drift are searched with about so many windows, evenly taken.
SEARCHED = 600
SMOOTH = 9
ROUNDS = 2
# One change of how many windows the card is behind weighs as much as this many windows that are
# off by one standard deviation.
SWITCH_COST = 8.0
DRIFT_NS = tuple(range(-8_000_000, 8_100_000, 1_000_000))
MIN_SECTIONS = 4

At = Callable[[Windows, list[Ints]], Floats]


@dataclass(frozen=True, slots=True)
class CardWindows:
    """`rows` of the windows that are whole periods, how late each of their readings is, and what
    the fit leaves of each on average."""

    rows: Ints
    delay_ns: Ints
    left: float


def card_windows(at: At, windows: Windows, most: float | None) -> CardWindows | None:
    """The windows by the card's clock; None where they are not periods of one.

    `at` gives the columns of windows for each of several lags.
    """
    period_ns = _period_ns(windows)
    if period_ns is None:
        return None
    periods = np.maximum(np.round((windows.end_ns - windows.start_ns) / period_ns), 1)
    length = (windows.end_ns - windows.start_ns) / period_ns
    rows = np.flatnonzero(np.abs(length - periods) <= PERIOD_DOUBT)
    if len(rows) < max(MIN_WINDOWS, MIN_REGULAR * len(windows)):
        return None
    windows = windows.take(rows)
    values = _first_values(at, windows, period_ns, most)
    for _ in range(ROUNDS):
        delay = _phased(at, windows, period_ns, values)
        values = fit(at(windows, [delay]), windows.value, most=most, resamples=0).value
        delay = _drifted(at, windows, delay, values)
        found = fit(at(windows, [delay]), windows.value, most=most, resamples=0)
        values = found.value
    steady = _is_steady(windows, delay, period_ns)
    return CardWindows(rows[steady], delay[steady], float(found.left[0]) / len(rows))


def _period_ns(windows: Windows) -> int | None:
    """The length of most windows, if they follow each other by whole ones."""
    if len(windows) < MIN_WINDOWS:
        return None
    period_ns = round(float(np.median(windows.end_ns - windows.start_ns)) / 1e6) * 1_000_000
    if period_ns <= 0:
        return None
    apart = np.diff(windows.end_ns) / period_ns
    return (
        period_ns
        if np.mean(np.abs(apart - np.round(apart)) <= PERIOD_DOUBT) >= MIN_REGULAR
        else None
    )


def _first_values(at: At, windows: Windows, period_ns: int, most: float | None) -> Floats:
    """The values of the section that one lag explains best."""
    sections = np.array_split(np.arange(len(windows)), max(len(windows) // SECTION_WINDOWS, 1))
    lags = (np.arange(2 * PHASES) / PHASES - EARLY_SHARE) * period_ns
    best: tuple[float, Floats] | None = None
    for rows in sections[:: max(len(sections) // MAX_STARTS, 1)]:
        part = windows.take(rows)
        columns = at(part, [np.full(len(part), int(lag)) for lag in lags])
        found = fit(columns, part.value, most=most, resamples=0)
        left = float(found.left.min()) / max(float(np.var(part.value)) * len(part), 1e-9)
        if best is None or left < best[0]:
            best = (left, found.value)
    assert best is not None, "there is one section at least"
    return best[1]


def _phased(at: At, windows: Windows, period_ns: int, values: Floats) -> Ints:
    """The lags by the phase of the clock with which these values leave least."""
    smooth = np.ones(SMOOTH) / SMOOTH

    def squares(part: Windows, phase_ns: int) -> tuple[Ints, Floats]:
        late = _late_ns(part, phase_ns, period_ns)
        return late, (at(part, [late, late + period_ns]) @ values - part.value) ** 2

    def left(part: Windows, phase_ns: int) -> float:
        near = [np.convolve(each, smooth, "same") for each in squares(part, phase_ns)[1]]
        return float(np.minimum(*near).mean())

    some = windows.take(np.arange(0, len(windows), every(len(windows))))
    usual, phase_ns = min((left(some, p), p) for p in range(0, period_ns, period_ns // PHASES))
    late, off = squares(windows, phase_ns)
    return late + _behind(windows, late, period_ns, off, usual) * period_ns


def every(count: int) -> int:
    """Of so many windows each this-many-th is searched with."""
    return max(count // SEARCHED, 1)


def _late_ns(windows: Windows, phase_ns: int, period_ns: int) -> Ints:
    """How late each reading is after the last window that it can tell of."""
    early = int(EARLY_SHARE * period_ns)
    found: Ints = (windows.end_ns + early - phase_ns) % period_ns - early
    return found


def _behind(windows: Windows, late: Ints, period_ns: int, squares: Floats, usual: float) -> Ints:
    """How many windows more each reading is behind, 0 or 1, such that it changes little."""
    last = np.round((windows.end_ns - late) / period_ns)
    moved = np.diff(last) - np.round(np.diff(windows.end_ns) / period_ns)
    cost = (squares / max(usual, 1e-9)).T.tolist()
    zero, one = cost[0]
    came: list[tuple[int, int]] = []
    for by, (here, there) in zip(moved.tolist(), cost[1:], strict=True):
        # From 0 to 1 the reading falls back by one window, unless the last one moved on by one.
        stay, fall, rise = (SWITCH_COST * abs(by - each) for each in (0, 1, -1))
        to_zero, to_one = (zero + stay, one + rise), (zero + fall, one + stay)
        came.append((int(to_zero[1] < to_zero[0]), int(to_one[1] < to_one[0])))
        zero, one = min(to_zero) + here, min(to_one) + there
    path = [int(one < zero)]
    for back in reversed(came):
        path.append(back[path[-1]])
    return np.asarray(path[::-1], np.int64)


def _drifted(at: At, windows: Windows, delay: Ints, values: Floats) -> Ints:
    """The same on a straight line through what suits each section best: the card's period."""
    rows = np.arange(0, len(windows), every(len(windows)))
    some, late = windows.take(rows), delay[rows]
    squares = (at(some, [late + by for by in DRIFT_NS]) @ values - some.value) ** 2
    sections = np.array_split(np.arange(len(some)), max(len(some) // SECTION_WINDOWS, 1))
    best = [_lowest(squares[:, each].sum(axis=1)) for each in sections]
    if len(sections) < MIN_SECTIONS:
        return delay + int(np.median(best))
    time = windows.end_ns - windows.end_ns[0]
    middles = [float(time[rows[each]].mean()) for each in sections]
    slope, start = _line(np.array(middles), np.array(best))
    return np.asarray(delay + start + slope * time, np.int64)


def _lowest(sums: Floats) -> float:
    """Where on DRIFT_NS the parabola through the least sum and its neighbours is lowest."""
    at = min(max(int(np.argmin(sums)), 1), len(sums) - 2)
    before, here, after = sums[at - 1 : at + 2].tolist()
    bend = before - 2 * here + after
    by = 0.5 * (before - after) / bend if bend > 0 else 0.0
    return DRIFT_NS[at] + min(max(by, -1.0), 1.0) * (DRIFT_NS[1] - DRIFT_NS[0])


def _line(x: Floats, y: Floats) -> tuple[float, float]:
    """Slope and start through the middle (Theil and Sen): few sections may be wrong."""
    one, other = np.triu_indices(len(x), 1)
    slope = float(np.median((y[other] - y[one]) / (x[other] - x[one])))
    return slope, float(np.median(y - slope * x))


def _is_steady(
    windows: Windows, delay: Ints, period_ns: int
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Not where a reading tells of more or fewer windows than it seems to."""
    changed = np.abs(np.diff(delay)) > period_ns / 2
    return np.asarray(~(np.append(False, changed) | np.append(changed, False)))
