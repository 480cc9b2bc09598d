"""Intervals of series with a memory: they cover re-runs, and those without one stay as narrow."""

from __future__ import annotations

import numpy as np
import pytest

from latprobe.analysis.intervals import P50_P95_P99, Floats, block_length
from latprobe.analysis.whatif.figures import percentiles
from latprobe.analysis.whatif.memory import memory_of

RECORDINGS, COVERED = 25, 16


def remembering(random: np.random.Generator, count: int, memory: float) -> Floats:
    """Durations in ns whose logarithms follow an autoregression of the first order."""
    noise = random.normal(0, np.sqrt(1 - memory * memory), count)
    level = np.empty(count)
    level[0] = random.normal()
    for place in range(1, count):
        level[place] = memory * level[place - 1] + noise[place]
    return np.asarray(1e8 * np.exp(0.3 * level))


def stretches(count: int, memory: float) -> list[float]:
    every = [remembering(np.random.default_rng(seed), count, memory) for seed in range(RECORDINGS)]
    return [memory_of(each).stretch(block_length(each)) for each in every]


@pytest.mark.parametrize("count", [60, 150, 600])
def test_a_series_without_memory_is_hardly_stretched(count: int) -> None:
    found = stretches(count, 0.0)
    assert 1.0 <= np.median(found) < 1.05
    assert np.mean(found) < 1.1


def test_the_fewer_slow_phases_were_recorded_the_more_is_allowed_for() -> None:
    few, many = np.median(stretches(150, 0.95)), np.median(stretches(1000, 0.95))
    assert few > many > 1.05


def test_how_many_requests_tell_as_much_as_a_new_one_is_near_the_truth() -> None:
    told = [
        memory_of(remembering(np.random.default_rng(seed), 800, 0.7)).requests_per_new
        for seed in range(RECORDINGS)
    ]
    assert np.median(told) == pytest.approx((1 + 0.7) / (1 - 0.7), rel=0.25)


def _covered(memory: float, count: int, quantile: int) -> float:
    inside = []
    for seed in range(COVERED):
        random = np.random.default_rng((seed, count))
        took = remembering(random, count, memory)
        found = percentiles(took.astype(np.int64), took[:, None], rng=random)[quantile]
        assert found.ci95_ms is not None
        for _ in range(4):
            again = remembering(random, count, memory)
            measured = float(np.quantile(again, P50_P95_P99[quantile])) / 1e6
            inside.append(found.ci95_ms.low <= measured <= found.ci95_ms.high)
    return float(np.mean(inside))


def test_intervals_cover_re_runs_of_requests_that_are_like_their_neighbours() -> None:
    assert _covered(0.7, 150, 0) >= 0.85  # 0.76 to 0.84 with blocks alone
    assert _covered(0.0, 150, 0) >= 0.9


def test_a_percentile_beyond_all_that_was_recorded_is_allowed_for() -> None:
    assert _covered(0.0, 60, 2) >= 0.85  # 0.6 from the recorded requests alone


@pytest.mark.parametrize("values", [[], [1.0], [2.0] * 50], ids=["none", "one", "equal"])
def test_what_tells_nothing_is_no_error(values: list[float]) -> None:
    assert memory_of(np.array(values)).requests_per_new == 1.0
    assert np.isfinite(memory_of(np.array(values)).stretch(1))
