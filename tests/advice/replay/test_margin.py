"""The bound of a mean difference, and how many pairs a margin takes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from latprobe.advice.replay.margin import fewest_pairs, mean_difference, smallest_margin


def test_a_margin_takes_so_many_pairs_that_agreement_alone_can_show_it() -> None:
    assert [fewest_pairs(margin) for margin in (0.05, 0.1, 0.2)] == [59, 29, 14]
    for margin in (0.03, 0.05, 0.1):
        count = fewest_pairs(margin)
        assert mean_difference([0.0] * count).low > -margin
        assert mean_difference([0.0] * (count - 1)).low <= -margin
        assert smallest_margin(count) < margin <= smallest_margin(count - 1)


def test_differences_that_are_all_or_nothing_have_the_exact_bound() -> None:
    # Clopper and Pearson for k losses of n: P(X <= k) = 5 % at the bound.
    for losses, count in ((1, 60), (3, 80), (10, 100)):
        low = -mean_difference([-1.0] * losses + [0.0] * (count - losses)).low
        chance = sum(
            math.comb(count, k) * low**k * (1 - low) ** (count - k) for k in range(losses + 1)
        )
        assert chance == pytest.approx(0.05, abs=0.004)


def test_the_bounds_are_each_other_mirrored() -> None:
    values = [0.2, -0.4, 0.0, 0.1, 0.0, -0.1]
    one, other = mean_difference(values), mean_difference([-value for value in values])
    assert one.value == pytest.approx(-other.value)
    assert (one.low, one.high) == (-other.high, -other.low)
    assert one.low < one.value < one.high


def test_a_true_loss_above_the_margin_is_let_through_at_most_5_times_in_100() -> None:
    rng = np.random.default_rng(5)
    passed = 0
    for _ in range(25):
        # 6 % of the requests lose half of their fields, 3 % all: a loss of 6 %, margin 5 %.
        drawn = rng.choice([0.0, -0.5, -1.0], size=80, p=[0.91, 0.06, 0.03])
        passed += mean_difference(drawn.tolist()).low > -0.05
    assert passed <= 5  # 5 % of 25, and three standard deviations of that


def test_of_several_tests_the_upper_bound_is_wrong_less_often() -> None:
    for values in ([0.0] * 60, [-1.0, -1.0, *([0.0] * 58)]):
        one, two = mean_difference(values), mean_difference(values, tests=2)
        assert (one.value, one.low) == (two.value, two.low)
        assert one.high < two.high
    # No loss of 60: 1 - 0.025 ** (1 / 60) is the bound of 97.5 %.
    assert mean_difference([0.0] * 60, tests=2).high == pytest.approx(1 - 0.025 ** (1 / 60))
