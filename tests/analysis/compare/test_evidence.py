"""Changes, their intervals and how sure they are."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from latprobe.analysis.compare.evidence import (
    draw_levels,
    draw_mean,
    mean_change,
    memory,
    percentile_change,
    share_change,
)
from latprobe.analysis.compare.false_discovery import any_false_alarm, false_discovery_rate
from latprobe.analysis.compare.student import one_sided_p, two_sided_width
from tests.analysis.compare.recordings import lognormal


def test_the_p_values_are_those_of_students_t() -> None:
    # From tables of the distribution: t 2.571 at 5 degrees of freedom, 2.042 at 30.
    assert one_sided_p(2.571, 1.0, 5) == pytest.approx(0.025, abs=5e-4)
    assert one_sided_p(2.042, 1.0, 30) == pytest.approx(0.025, abs=5e-4)
    assert one_sided_p(-2.042, 1.0, 30) == pytest.approx(0.975, abs=5e-4)
    assert two_sided_width(5) == pytest.approx(2.571 / 1.96, rel=5e-3)
    assert (one_sided_p(1, 0, 5), one_sided_p(0, 0, 5)) == (0.0, 1.0)


def test_holm_and_benjamini_hochberg_give_the_published_adjustments() -> None:
    assert any_false_alarm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert false_discovery_rate([0.01, 0.02, 0.03, 0.5]) == pytest.approx([0.04, 0.04, 0.04, 0.5])
    assert (any_false_alarm([]), false_discovery_rate([])) == ([], [])


def test_a_percentile_of_the_same_program_rarely_looks_changed_and_its_interval_holds_0() -> None:
    rng = np.random.default_rng(11)
    alarms = covered = 0
    for _ in range(40):
        sides = [draw_levels(lognormal(300, rng) * 1e6, rng) for _ in range(2)]
        change = percentile_change(sides[0], sides[1], 0.95)
        assert change.p_up is not None
        assert change.interval is not None
        alarms += change.p_up < 0.02
        covered += change.interval.low <= 0 <= change.interval.high
    assert alarms <= 4  # 0.8 expected
    assert covered >= 34  # 38 expected


def test_a_tenth_more_is_seen_in_the_p95_of_300_requests() -> None:
    rng = np.random.default_rng(12)
    seen = 0
    for _ in range(20):
        before = draw_levels(lognormal(300, rng) * 1e6, rng)
        after = draw_levels(lognormal(300, rng, median=440) * 1e6, rng)
        change = percentile_change(before, after, 0.95)
        seen += (change.p_up or 0) < 0.02 and change.size_up > 0.05
    assert seen >= 16  # 19 expected


def test_a_p95_that_stays_is_not_blamed_for_the_rest() -> None:
    rng = np.random.default_rng(13)
    base = lognormal(2000, rng, sigma=0.1)
    slow = np.where(np.arange(2000) % 10 == 0, 1200.0, base)
    other = np.where(np.arange(2000) % 10 == 0, 1200.0, lognormal(2000, rng, sigma=0.1) * 1.2)
    change = percentile_change(draw_levels(slow, rng), draw_levels(other, rng), 0.95)
    assert change.size_up == pytest.approx(0.0, abs=0.01)
    half = percentile_change(draw_levels(slow, rng), draw_levels(other, rng), 0.5)
    assert half.value == pytest.approx(0.2, abs=0.03)
    assert half.p_up is not None
    assert half.p_up < 1e-6


def test_noise_with_a_memory_gives_wider_intervals() -> None:
    rng = np.random.default_rng(14)
    widths = []
    for remembered in (0.0, 0.8):
        sides = [draw_mean(lognormal(600, rng, memory=remembered), rng) for _ in range(2)]
        change = mean_change(*sides)
        assert change is not None
        assert change.interval is not None
        widths.append(change.interval.high - change.interval.low)
    assert widths[1] > 1.8 * widths[0]


def test_equal_values_have_no_memory() -> None:
    assert memory(np.zeros(300), np.random.default_rng(0)) <= 3


def test_shares_change_in_points() -> None:
    rng = np.random.default_rng(15)
    before, after = np.arange(400) % 100 == 0, np.arange(400) % 10 == 0
    change = share_change(before, after, rng)
    assert change.value == pytest.approx(0.09)
    assert change.interval is not None
    assert change.interval.low > 0.04
    assert change.p_up is not None
    assert change.p_up < 1e-4
    none = share_change(np.zeros(100, bool), np.zeros(100, bool), rng)
    assert none.value == 0
    assert none.p_up == pytest.approx(0.5)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_handful_of_requests_tells_nothing_unless_they_never_vary(count: int) -> None:
    rng = np.random.default_rng(16)
    sides = [draw_levels(lognormal(count, rng) * 1e6, rng) for _ in range(2)]
    change = percentile_change(sides[0], sides[1], 0.5)
    assert (change.p_up, change.p_down) == (None, None)
    same = [draw_mean(np.full(count, value), rng) for value in (100.0, 130.0)]
    steady = mean_change(*same)
    assert steady is not None
    assert steady.value == pytest.approx(0.3)
    assert steady.p_up == (0.0 if count > 2 else None)


def test_a_figure_that_was_zero_has_no_relative_change() -> None:
    rng = np.random.default_rng(17)
    zero, some = draw_mean(np.zeros(20), rng), draw_mean(np.full(20, 3.0), rng)
    assert mean_change(zero, some) is None
    nothing = mean_change(zero, zero)
    assert nothing is not None
    assert nothing.value == 0


def test_intervals_of_the_change_cover_it() -> None:
    """A known truth: every request takes a tenth longer."""
    rng = np.random.default_rng(18)
    covered = 0
    for _ in range(25):
        before = draw_levels(lognormal(300, rng, memory=0.4) * 1e6, rng)
        after = draw_levels(lognormal(300, rng, median=440, memory=0.4) * 1e6, rng)
        interval = percentile_change(before, after, 0.5).interval
        assert interval is not None
        covered += interval.low <= 0.1 <= interval.high
    assert covered >= 25 * 0.95 - 3 * sqrt(25 * 0.95 * 0.05)
