"""The one place that reads time.

`monotonic_ns` is for durations, `wall_ns` for "when". Both are integers in nanoseconds.
"""

from __future__ import annotations

import time

monotonic_ns = time.perf_counter_ns
wall_ns = time.time_ns
thread_cpu_ns = time.thread_time_ns


def clock_pair() -> tuple[int, int]:
    """A wall and a monotonic reading of the same instant, in ns.

    The tightest of three tries: the pair turns every monotonic time of a segment into a wall
    time, so a preemption between the two readings would shift all of them.
    """
    best: tuple[int, int, int] | None = None
    for _ in range(3):
        before = monotonic_ns()
        wall = wall_ns()
        after = monotonic_ns()
        if best is None or after - before < best[0]:
            best = (after - before, wall, (before + after) // 2)
    assert best is not None
    return best[1], best[2]
