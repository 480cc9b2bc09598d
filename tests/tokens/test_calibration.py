"""Ratios learned from what was billed."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latprobe.tokens.calibration import (
    MIN_CALLS,
    WINDOW_CALLS,
    Calibration,
    CalibrationRow,
    MeasuredRatio,
)


def learned(calls: list[tuple[int, int]], *, provider: str | None = None) -> Calibration:
    calibration = Calibration()
    for counted, billed in calls:
        calibration.observe("claude-x", counted, billed, provider=provider)
    return calibration


@given(
    ratio=st.floats(0.5, 2.0),
    seed=st.integers(0, 2**32),
    calls=st.integers(60, 400),
    outliers=st.floats(0.0, 0.25),
)
@settings(max_examples=60, deadline=None)
def test_a_planted_ratio_is_found_within_two_percent_in_spite_of_outliers(
    ratio: float, seed: int, calls: int, outliers: float
) -> None:
    chance = random.Random(seed)
    calibration = Calibration()
    for number in range(calls):
        counted = chance.randint(200, 50_000)
        billed = counted * ratio * chance.uniform(0.99, 1.01)
        if number % 100 < outliers * 100:
            billed *= chance.choice([0.2, 3.0, 50.0])
        calibration.observe("claude-x", counted, round(billed))
    found = calibration.ratio("claude-x")
    assert found is not None
    assert found.ratio == pytest.approx(ratio, rel=0.02)


def test_few_calls_give_no_ratio() -> None:
    assert learned([(100, 120)] * (MIN_CALLS - 1)).ratio("claude-x") is None
    assert learned([(100, 200)] * MIN_CALLS).ratio("claude-x") == MeasuredRatio(2.0, 0.0, MIN_CALLS)
    assert Calibration().ratio("other") is None


def test_the_error_is_that_of_the_calls() -> None:
    calibration = learned([(1000, 1100), (1000, 1000), (1100, 1000)] * 20)
    found = calibration.ratio("claude-x")
    assert found is not None
    assert (round(found.ratio, 3), round(found.expected_error, 3)) == (1.0, 0.091)
    assert calibration.p95_error("claude-x") == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("counted", "billed"),
    [(0, 5), (-3, 5), (5, 0), (5, -1), (1, 9), (9, 1), (5, 2**63), (2**63, 5)],
)
def test_counts_that_cannot_be_right_teach_nothing(counted: int, billed: int) -> None:
    calibration = Calibration()
    assert calibration.observe("claude-x", counted, billed) is False
    assert calibration.rows() == []


def test_old_calls_leave_the_window() -> None:
    calibration = learned([(100, 200)] * WINDOW_CALLS + [(100, 110)] * WINDOW_CALLS)
    found = calibration.ratio("claude-x")
    assert found is not None
    assert (round(found.ratio, 4), found.calls) == (1.1, 2 * WINDOW_CALLS)


def test_rows_bring_a_calibration_back() -> None:
    before = learned([(100, 200)] * 12, provider="anthropic")
    rows = before.rows()
    assert rows == [
        CalibrationRow(
            provider="anthropic",
            model="claude-x",
            family="claude",
            calls=12,
            ratio=2.0,
            error=0.0,
            state=rows[0].state,
        )
    ]
    after = Calibration(rows).ratio("claude-x", provider="anthropic")
    assert after is not None
    assert (round(after.ratio, 4), after.expected_error, after.calls) == (2.0, 0.0, 12)
    assert Calibration(rows).ratio("claude-x") is None


@pytest.mark.parametrize("state", ["", "null", "{}", '["a"]', "[1e9, NaN]", "[[]]"])
def test_a_state_that_is_not_ours_says_nothing(state: str) -> None:
    row = CalibrationRow(None, "m", None, 3, None, None, state)
    assert Calibration([row]).ratio("m") is None
