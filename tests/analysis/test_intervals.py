"""Block bootstrap: how sure a figure is."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from latprobe.analysis.intervals import (
    P50_P95_P99,
    Floats,
    Interval,
    block_draws,
    block_length,
    interval_of,
    quantile_difference,
    quantile_interval,
    quantiles_of,
)


def wandering(count: int, *, memory: float, rng: np.random.Generator) -> Floats:
    """Log-normal durations whose logarithms remember the one before."""
    noise = rng.normal(0, np.sqrt(1 - memory**2), count)
    for row in range(1, count):
        noise[row] += memory * noise[row - 1]
    return np.exp(0.25 * noise)


def test_what_has_no_memory_is_drawn_one_by_one_and_what_has_in_blocks() -> None:
    rng = np.random.default_rng(1)
    assert block_length(np.ones(500)) == 1
    assert block_length(rng.integers(0, 2, 500)) <= 3
    assert block_length(wandering(2000, memory=0.0, rng=rng)) <= 3
    assert block_length(wandering(2000, memory=0.9, rng=rng)) > 10


def test_a_draw_is_made_of_whole_blocks_that_wrap_around() -> None:
    rng = np.random.default_rng(0)
    for rows in block_draws(10, rng=rng, draws=20, block=4):
        assert len(rows) == 10
        for at in range(0, 10, 4):
            block = rows[at : at + 4]
            assert np.array_equal(block, (block[0] + np.arange(len(block))) % 10)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=60))
def test_quantiles_are_numpys(values: list[float]) -> None:
    series = np.array(values)
    found = quantiles_of(series.copy(), P50_P95_P99)
    assert np.allclose(found, np.quantile(series, P50_P95_P99), rtol=1e-12, atol=1e-6)


def test_intervals_cover_also_where_load_wanders() -> None:
    """At least 85 of 100 intervals that say 95 %, from 400 requests with a memory of 0.8."""
    truth = 1.0  # the median of a log-normal around 0
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(100):
        found = quantile_interval(wandering(400, memory=0.8, rng=rng), 0.5).interval
        assert found is not None
        held += found.low <= truth <= found.high
    assert held >= 85


def test_a_difference_has_the_noise_of_both_sides() -> None:
    rng = np.random.default_rng(3)
    before, after = rng.lognormal(0, 0.2, 400), 1.2 * rng.lognormal(0, 0.2, 400)
    found = quantile_difference(before, after, 0.5)
    assert found.interval is not None
    assert found.interval.low < 0.2 < found.interval.high
    assert found.interval.low > 0


def test_nothing_gives_nothing() -> None:
    empty = np.zeros(0)
    assert interval_of(empty) is None
    assert quantile_interval(empty, 0.5).interval is None
    assert quantile_difference(empty, np.ones(3), 0.5).interval is None
    assert interval_of(np.array([1.0, 1.0])) == Interval(1.0, 1.0)
