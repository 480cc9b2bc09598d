"""Resamples of long series: the same distribution as from drawing every row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from latprobe.analysis.compare import large_samples
from latprobe.analysis.compare.evidence import LEVELS, Drawn, draw_levels, draw_mean
from latprobe.analysis.intervals import DRAWS
from tests.analysis.compare.recordings import lognormal

Floats = NDArray[np.float64]


def by_rows(
    draw: Callable[[Floats, np.random.Generator], Drawn], series: Floats, seed: int
) -> Drawn:
    """What `draw` gives when it draws every row."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(large_samples, "FEWEST_ROWS", 10**9)
        return draw(series, np.random.default_rng(seed))


def ends(drawn: Drawn) -> Floats:
    return np.asarray(np.quantile(drawn.draws, [0.025, 0.5, 0.975], axis=0))


# Without a memory, with some (normal, blocks), and with so much that ten blocks are left.
@pytest.mark.parametrize("memory", [0.0, 0.4, 0.99])
@pytest.mark.parametrize("draw", [draw_levels, draw_mean])
def test_intervals_are_as_far_from_those_of_drawn_rows_as_two_of_these_are(
    draw: Callable[[Floats, np.random.Generator], Drawn], memory: float
) -> None:
    series = lognormal(2_500, np.random.default_rng(5), memory=memory) * 1e6
    quick = draw(series, np.random.default_rng(1))
    one, other = by_rows(draw, series, 2), by_rows(draw, series, 3)
    assert quick.value == pytest.approx(one.value)
    assert (quick.rows, quick.blocks) == (one.rows, one.blocks)
    width = ends(one)[2] - ends(one)[0]
    apart = np.sqrt(np.mean(((ends(quick) - ends(one)) / width) ** 2))
    by_chance = np.sqrt(np.mean(((ends(other) - ends(one)) / width) ** 2))
    assert apart < 2 * max(by_chance, 0.03)


def test_the_percentiles_move_together_as_those_of_drawn_rows() -> None:
    series = lognormal(2_500, np.random.default_rng(6), memory=0.4) * 1e6
    quick = draw_levels(series, np.random.default_rng(1))
    one = by_rows(draw_levels, series, 2)
    apart = np.corrcoef(quick.draws.T) - np.corrcoef(one.draws.T)
    assert np.abs(apart).max() < 5 / np.sqrt(DRAWS)


def test_what_is_not_normal_is_drawn_row_by_row() -> None:
    rng = np.random.default_rng(7)
    outlier = np.ones(3_000)
    outlier[7] = 1e6
    assert large_samples.mean_draws(outlier, block=1, draws=9, rng=rng) is None
    steps = rng.integers(0, 40, 3_000).astype(np.float64)
    assert large_samples.level_draws(steps, LEVELS, block=1, draws=9, rng=rng) is None
    few = rng.random(100)
    assert large_samples.mean_draws(few, block=1, draws=9, rng=rng) is None
    assert large_samples.level_draws(few, LEVELS, block=1, draws=9, rng=rng) is None


def test_a_series_that_never_varies_has_that_mean() -> None:
    drawn = draw_mean(np.full(2_500, 0.1), np.random.default_rng(8))
    assert (drawn.draws == 0.1).all()


def test_blocks_that_reach_around_the_end_are_added_up() -> None:
    series = np.arange(2_000.0)
    until = np.concatenate(([0.0], np.cumsum(series)))

    class Starts:
        def integers(self, low: int, high: int, size: int) -> NDArray[np.int64]:
            return np.full(size, 1_999)

    added = large_samples._added(until[:, None], 1_500, 1, Starts())  # type: ignore[arg-type]
    first = 1_999 + sum(range(1_499))
    assert added.tolist() == [[first + 1_999 + sum(range(499))]]
