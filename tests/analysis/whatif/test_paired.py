"""What a change takes off at least, by the same requests."""

from __future__ import annotations

import numpy as np
import pytest

from latprobe.analysis.whatif.paired import saved_at_least


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def test_what_every_request_saves_is_sure_in_any_noise() -> None:
    before = 1000.0 * np.random.default_rng(2).lognormal(0, 1.5, 80) + 100.0
    least = saved_at_least(before, (before - 40.0)[:, None], is_model=False, rng=rng())
    assert least == pytest.approx((40.0, 40.0, 40.0))


def test_a_change_without_effect_saves_nothing() -> None:
    before = np.random.default_rng(2).lognormal(0, 1.0, 80)
    assert saved_at_least(before, before[:, None], is_model=False, rng=rng()) == (0.0, 0.0, 0.0)


def test_an_effect_that_comes_and_goes_is_not_sure() -> None:
    draw = np.random.default_rng(3)
    before = draw.lognormal(0, 0.2, 100)
    after = before[:, None] + draw.normal(0.0, 0.2, (100, 1))
    assert saved_at_least(before, after, is_model=False, rng=rng())[0] < 0


def test_a_model_that_may_be_wrong_is_not_sure() -> None:
    before = np.full(60, 10.0)
    outcomes = np.column_stack([before - 1.0, *(before - saved for saved in (-1.0, 0.5, 2.0, 3.0))])
    assert saved_at_least(before, outcomes, is_model=True, rng=rng())[0] == -1.0
