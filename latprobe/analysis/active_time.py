"""The time in which a program ran, and how many requests it did in it."""

from __future__ import annotations

import numpy as np

from latprobe.analysis.spans import Ints


def active_ns(start_ns: Ints, end_ns: Ints, run: Ints) -> int:
    """First start to last end of each run, added up; 0 without requests.

    Runs at the same time (the processes of one server) count once, and the time between two runs
    is nobody's. Pauses within a run count: a service that waits for requests is running.
    """
    return sum(last - first for first, last in active_periods_ns(start_ns, end_ns, run))


def active_periods_ns(start_ns: Ints, end_ns: Ints, run: Ints) -> list[tuple[int, int]]:
    """First start and last end of each run, in the order of time; those that meet are one."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(_periods(start_ns, end_ns, run)):
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], last)
        elif last >= first:
            found.append((first, last))
    return found


def throughput_per_s(start_ns: Ints, end_ns: Ints, run: Ints) -> float | None:
    """Requests a second over the active time of their runs; None where that is no time."""
    time_ns = active_ns(start_ns, end_ns, run)
    return len(start_ns) / time_ns * 1e9 if time_ns > 0 else None


def _periods(start_ns: Ints, end_ns: Ints, run: Ints) -> list[tuple[int, int]]:
    """First start and last end of each run.

    Requests come in stretches of one run, mostly few: sorting all by their run took 30 ms of
    500,000, this takes 3.
    """
    if not len(start_ns):
        return []
    begins = np.flatnonzero(np.diff(run, prepend=run[0] - 1))
    firsts = np.minimum.reduceat(start_ns, begins).tolist()
    lasts = np.maximum.reduceat(end_ns, begins).tolist()
    found: dict[int, tuple[int, int]] = {}
    for number, first, last in zip(run[begins].tolist(), firsts, lasts, strict=True):
        known = found.get(number, (first, last))
        found[number] = min(first, known[0]), max(last, known[1])
    return list(found.values())
