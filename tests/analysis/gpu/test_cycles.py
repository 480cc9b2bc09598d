"""Stages that slow the clock, told by what they do to the windows they share."""

from __future__ import annotations

import numpy as np
import pytest

from latprobe.analysis.gpu.cycles import by_cycles, clock_shares, with_cycles
from latprobe.analysis.gpu.least_squares import fit

TRUTH = np.array([95.0, 60.0, 5.0, 0.0])


def _mixed(clock: list[float], seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    columns = random.dirichlet([0.5, 0.4, 0.8, 0.3], 500)
    return columns, by_cycles(columns, np.array(clock)) @ TRUTH + random.normal(0, 0.4, 500)


def test_the_stage_that_slows_the_clock_is_found_and_its_figure_is_right() -> None:
    columns, readings = _mixed([0.8, 1.0, 1.0, 1.0], seed=2)
    shares = clock_shares(columns, readings, 0.17, 100.0)
    assert shares.tolist() == pytest.approx([0.8, 1.0, 1.0, 1.0], abs=0.03)
    plain = fit(columns[None], readings, most=100.0, resamples=0).value
    weighted = fit(with_cycles(columns[None], shares), readings, most=100.0, resamples=0).value
    assert abs(plain[0] - TRUTH[0]) > 2.5
    assert np.abs(weighted - TRUTH).max() < 1.5


def test_a_clock_that_was_not_read_to_fall_and_one_that_does_not_change_nothing() -> None:
    columns, readings = _mixed([0.8, 1.0, 1.0, 1.0], seed=2)
    assert (clock_shares(columns, readings, 0.01, 100.0) == 1.0).all()
    columns, readings = _mixed([1.0, 1.0, 1.0, 1.0], seed=4)
    shares = clock_shares(columns, readings, 0.17, 100.0)
    assert (shares == 1.0).all()
    assert with_cycles(columns[None], shares) is not None
    assert with_cycles(columns[None], shares).shape == (1, 500, 4)
