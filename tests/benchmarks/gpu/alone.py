"""What each stage does to the card when it runs alone: the truth for attribution."""

from __future__ import annotations

import statistics
import time
from typing import Any

from tests.benchmarks.gpu.card import AnyCard

WINDOW_NS = 110_000_000
PAUSE_S = 0.25
AFTER_S = 0.2


def measure_alone(
    pipeline: Any, card: AnyCard, *, seconds: float
) -> dict[str, dict[str, dict[str, float]]]:
    """Stage to metric to mean (one window over the whole loop) and standard error (of windows of
    110 ms). Each run is waited for, as a stage whose result is needed is."""
    return {name: _loop(pipeline, card, name, seconds) for name in pipeline.names}


def _loop(pipeline: Any, card: AnyCard, name: str, seconds: float) -> dict[str, dict[str, float]]:
    pipeline.run(name)
    pipeline.wait()
    _pass_time(pipeline, name, 0.25)  # counters have a memory of 100 ms
    first = last = card.sample()
    windows: dict[str, list[float]] = {}
    end = time.time_ns() + int(seconds * 1e9)
    while time.time_ns() < end:
        pipeline.run(name)
        pipeline.wait()
        if time.time_ns() - last[0] < WINDOW_NS:
            continue
        now = card.sample(with_energy=False)  # energy takes 4 ms in which the card would idle
        for metric, value in card.values(last, now).items():
            windows.setdefault(metric, []).append(value)
        last = now
    whole = card.values(first, card.sample())
    return {metric: _figure(mean, windows.get(metric, [])) for metric, mean in whole.items()}


def measure_paced(pipeline: Any, card: AnyCard, *, seconds: float) -> dict[str, dict[str, float]]:
    """Stage to metric to mean while it runs, from runs with pauses between them: the card then is
    neither warm nor throttled, as in the pipeline. `run_ms` is a run's length."""
    return {name: _paced(pipeline, card, name, seconds) for name in pipeline.names}


def _paced(pipeline: Any, card: AnyCard, name: str, seconds: float) -> dict[str, float]:
    time.sleep(AFTER_S)
    first, active, runs = card.sample(), 0, 0
    end = time.time_ns() + int(seconds * 1e9)
    while time.time_ns() < end:
        began = time.time_ns()
        pipeline.run(name)
        pipeline.wait()
        active += time.time_ns() - began
        runs += 1
        time.sleep(PAUSE_S)
    time.sleep(AFTER_S)  # the counters come late
    last = card.sample()
    share = active / (last[0] - first[0])
    means = {metric: value / share for metric, value in card.values(first, last).items()}
    return means | {"run_ms": active / runs / 1e6, "share": share}


def _pass_time(pipeline: Any, name: str, seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pipeline.run(name)
        pipeline.wait()


def _figure(mean: float, windows: list[float]) -> dict[str, float]:
    error = statistics.stdev(windows) / len(windows) ** 0.5 if len(windows) > 1 else float("nan")
    return {"mean": mean, "error": error, "windows": len(windows)}
