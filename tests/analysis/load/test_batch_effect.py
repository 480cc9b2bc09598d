"""What a larger batch costs and saves."""

from __future__ import annotations

import numpy as np
import pytest

from latprobe.analysis.load.batch_effect import BatchEffect, find_batch_effect, fit_line
from latprobe.analysis.load.stage_calls import StageCalls
from latprobe.analysis.refusal import Refusal
from tests.analysis.load.building import calls_of


def batched(
    seed: int, base_ms: float, item_ms: float, *, sizes: tuple[int, ...] = (1, 2, 4, 8, 16)
) -> StageCalls:
    """300 calls with 10 % noise and one in 30 ten times too slow."""
    rng = np.random.default_rng(seed)
    items = rng.choice(sizes, 300).astype(np.float64)
    took = (base_ms + item_ms * items) * rng.lognormal(0, 0.1, 300)
    took[::30] *= 10
    start = np.arange(300) * 20_000_000
    return calls_of(start, start + (took * 1e6).astype(np.int64), items=items)


def test_the_line_and_the_saving_are_found_despite_outliers() -> None:
    found = find_batch_effect(batched(0, 20, 3))
    assert isinstance(found, BatchEffect)
    assert found.base_ms.value == pytest.approx(20, rel=0.1)
    assert found.item_ms.value == pytest.approx(3, rel=0.1)
    assert (found.usual_size, found.largest_size) == (4, 16)
    # An item takes 8 ms in batches of 4 and 4.25 in batches of 16.
    assert found.per_item_saved.value == pytest.approx(1 - 4.25 / 8, abs=0.03)
    assert found.per_item_saved.interval is not None
    assert found.per_item_saved.interval.low > 0.4
    assert [each.size for each in found.sizes] == [1, 2, 4, 8, 16]


def test_intervals_cover() -> None:
    inside = 0
    for seed in range(15):
        found = find_batch_effect(batched(seed, 20, 3))
        assert isinstance(found, BatchEffect)
        assert found.item_ms.interval is not None
        inside += found.item_ms.interval.low <= 3 <= found.item_ms.interval.high
    assert inside >= 12


def test_where_batches_save_nothing_the_interval_reaches_zero() -> None:
    found = find_batch_effect(batched(1, 0, 5))
    assert isinstance(found, BatchEffect)
    assert found.per_item_saved.interval is not None
    assert found.per_item_saved.interval.low < 0.02
    assert found.per_item_saved.value < 0.05


def test_a_size_that_hardly_varies_and_few_calls_are_refused() -> None:
    same = find_batch_effect(batched(2, 20, 3, sizes=(8, 9)))
    assert isinstance(same, Refusal)
    assert "hardly varied" in same.reason
    few = batched(2, 20, 3).take(np.arange(10))
    assert isinstance(find_batch_effect(few), Refusal)
    start = np.arange(50)
    assert find_batch_effect(calls_of(start, start + 5)) is None


def test_a_line_is_never_negative() -> None:
    items = np.array([1.0, 2, 3, 4] * 10)
    assert fit_line(items, 20 / items)[1] == 0
    assert fit_line(items, 10 * items**2)[0] == 0
