from __future__ import annotations

import numpy as np

from latprobe.analysis.latency_model.robust_line import fit_line, refit_lines

RNG = np.random.default_rng(3)
TOKENS = RNG.uniform(10, 500, 400)
DESIGN = np.column_stack([np.ones(400), TOKENS])


def test_a_line_without_noise_is_found_exactly() -> None:
    assert np.allclose(fit_line(DESIGN, 100 + 20 * TOKENS).line, [100, 20], rtol=1e-6)


def test_one_call_in_ten_that_takes_ten_times_as_long_hardly_moves_the_line() -> None:
    times = (100 + 20 * TOKENS) * np.exp(0.05 * RNG.standard_normal(400))
    times[::10] *= 10
    assert abs(fit_line(DESIGN, times).line[1] / 20 - 1) < 0.02


def test_refitting_all_calls_once_gives_the_line_itself() -> None:
    times = (100 + 20 * TOKENS) * np.exp(0.3 * RNG.standard_normal(400))
    found = fit_line(DESIGN, times)
    again = refit_lines(DESIGN, times, np.ones((2, 400)), found)
    assert np.allclose(again, found.line, rtol=0.01)


def test_refitting_reaches_the_line_of_the_chosen_calls_whatever_it_starts_from() -> None:
    times = (100 + 20 * TOKENS) * np.exp(0.3 * RNG.standard_normal(400))
    weights = np.bincount(RNG.integers(0, 400, 400), minlength=400).astype(np.float64)
    alone = fit_line(DESIGN, times, weights)
    near = refit_lines(DESIGN, times, weights[None, :], fit_line(DESIGN, times))[0]
    assert np.allclose(near, alone.line, rtol=0.02)


def test_a_column_that_never_changes_in_a_draw_does_not_fail() -> None:
    weights = np.zeros((1, 400))
    weights[0, :3] = 1
    flat = DESIGN.copy()
    flat[:, 1] = 7
    times = np.full(400, 300.0)
    assert np.isfinite(refit_lines(flat, times, weights, fit_line(flat, times))).all()
