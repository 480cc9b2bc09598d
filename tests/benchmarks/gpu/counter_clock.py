"""When the hardware counters move on: the GPU is loaded in a square wave while they are read often.

If they count all the time, every reading differs and the edges come at once; if the card copies
them out every 100 ms, readings stay the same in between. Both matter to attribution, which has to
know when a window was.
"""

from __future__ import annotations

import statistics
import time
from itertools import pairwise
from typing import Any

from tests.benchmarks.gpu.card import METRICS

HALF_MS = 150.0


def watch_clock(
    pipeline: Any, card: Any, *, seconds: float, load: str = "encode"
) -> dict[str, Any]:
    """`step_ms`: median time between readings; `changed_ms`: between readings that differ;
    `lag_ms`: how late the counter follows the load best; `readings` for drawing: (ms since
    `began_ns`, load on, running sum of SM-active ms)."""
    first = card.sample(with_energy=False)
    readings: list[tuple[float, int, float]] = []
    is_on, edge = False, time.perf_counter()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        if (time.perf_counter() - edge) * 1e3 >= HALF_MS:
            is_on, edge = not is_on, time.perf_counter()
        if is_on:
            _some_work(pipeline, load)
        else:
            time.sleep(0.003)
        now = card.sample(with_energy=False)
        values = card.values(first, now)
        if METRICS[0] in values:
            elapsed = (now[0] - first[0]) / 1e6
            readings.append((elapsed, int(is_on), values[METRICS[0]] * elapsed / 100))
        card.free(now)
    rows = [[round(ms, 3), is_on, round(total, 6)] for ms, is_on, total in readings]
    return _summary(readings) | {"began_ns": first[0], "readings": rows}


def _some_work(pipeline: Any, load: str) -> None:
    """About 5 ms of it."""
    usual = pipeline.repeats[load]
    pipeline.repeats[load] = max(usual // 8, 1)
    pipeline.run(load)
    pipeline.wait()
    pipeline.repeats[load] = usual


def _summary(readings: list[tuple[float, int, float]]) -> dict[str, Any]:
    if len(readings) < 10:
        return {"problem": f"only {len(readings)} readings had a value"}
    times = [row[0] for row in readings]
    steps = [b - a for a, b in pairwise(times)]
    # What is the mean since the first sample stays the same only if the counter did not move.
    means = [round(row[2] / row[0], 9) for row in readings]
    moved = [t for t, a, b in zip(times[1:], means, means[1:], strict=False) if a != b]
    changed = [b - a for a, b in pairwise(moved)]
    return {
        "step_ms": statistics.median(steps),
        "changed_ms": statistics.median(changed) if changed else None,
        "changes": len(moved),
        "lag_ms": _lag(readings),
    }


def _lag(readings: list[tuple[float, int, float]]) -> float:
    """The shift at which the counter's rate goes most with the load."""
    rates = [(b[0], (b[2] - a[2]) / max(b[0] - a[0], 1e-6)) for a, b in pairwise(readings)]

    def agreement(lag: float) -> float:
        on = off = 0.0
        counts = [0, 0]
        place = 0
        for moment, rate in rates:
            while place + 1 < len(readings) and readings[place + 1][0] <= moment - lag:
                place += 1
            if readings[place][1]:
                on, counts[0] = on + rate, counts[0] + 1
            else:
                off, counts[1] = off + rate, counts[1] + 1
        return on / max(counts[0], 1) - off / max(counts[1], 1)

    return float(max(range(0, 200, 2), key=agreement))
