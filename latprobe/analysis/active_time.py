"""The time in which a program ran, and how many requests it did in it."""

from __future__ import annotations

import numpy as np

from latprobe.analysis.spans import Ints


def active_ns(start_ns: Ints, end_ns: Ints, run: Ints) -> int:
    """First start to last end of each run, added up; 0 without requests.

    Runs at the same time (the processes of one server) count once, and the time between two runs
    is nobody's. Pauses within a run count: a service that waits for requests is running.
    """
    total, reached = 0, None
    for first, last in sorted(_periods(start_ns, end_ns, run)):
        begin = first if reached is None else max(first, reached)
        total += max(last - begin, 0)
        reached = last if reached is None else max(reached, last)
    return total


def throughput_per_s(start_ns: Ints, end_ns: Ints, run: Ints) -> float | None:
    """Requests a second over the active time of their runs; None where that is no time."""
    time_ns = active_ns(start_ns, end_ns, run)
    return len(start_ns) / time_ns * 1e9 if time_ns > 0 else None


def _periods(start_ns: Ints, end_ns: Ints, run: Ints) -> list[tuple[int, int]]:
    if not len(start_ns):
        return []
    _, number = np.unique(run, return_inverse=True)
    order = np.argsort(number, kind="stable")
    begins = np.flatnonzero(np.diff(number[order], prepend=-1))
    firsts = np.minimum.reduceat(start_ns[order], begins)
    lasts = np.maximum.reduceat(end_ns[order], begins)
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))
