"""Predicted against what the same calls really take with other tokens."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from latprobe.analysis.intervals import Floats, block_draws, block_length
from latprobe.analysis.latency_model import (
    LatencyModel,
    TokenChange,
    call_columns,
    changed_calls,
    fit_latency,
)
from latprobe.analysis.latency_model.changed_calls import ChangedCalls
from latprobe.analysis.latency_model.part import DRAWS
from latprobe.analysis.refusal import Refusal
from tests.analysis.latency_model.simulated_calls import MS, Noise, Simulated, simulated

CASES = 8
NOISES: tuple[Noise, ...] = ("calm", "lognormal", "outliers", "drifting", "cold")
QUANTILES = (0.5, 0.95)


def _halved(run: Simulated) -> ChangedCalls | Refusal:
    model = fit_latency(run.calls)
    if isinstance(model, Refusal):
        return model
    return changed_calls(model, run.calls, TokenChange(output_factor=0.5))


def test_half_the_output_changes_the_recorded_calls_as_predicted() -> None:
    errors, covered = [], []
    for noise, seed in product(NOISES, range(CASES)):
        run = simulated(noise, count=300, seed=seed)
        changed = _halved(run)
        if isinstance(changed, Refusal):
            continue
        duration = run.calls.duration_ns
        truth = np.quantile(run.half_output_ns, QUANTILES)
        errors.append(np.abs(np.quantile(duration - changed.saved_ns(), QUANTILES) / truth - 1))
        drawn = range(0, DRAWS, 2)
        covered += _covers(
            np.array([np.quantile(duration - changed.saved_ns(k), QUANTILES) for k in drawn]),
            truth,
        )
    assert len(errors) >= 37
    assert np.median(errors, axis=0).max() < 0.02
    assert np.mean(covered) >= 0.9


def test_a_second_recording_with_half_the_output_lies_in_the_interval() -> None:
    covered = []
    for noise, seed in product(NOISES[:3], range(CASES)):
        run = simulated(noise, count=200, seed=seed, is_streamed=False)
        again = simulated(noise, count=200, seed=seed + 1000, is_streamed=False)
        changed = _halved(run)
        if not isinstance(changed, Refusal):
            truth = np.quantile(again.half_output_ns, QUANTILES)
            covered += _covers(_reruns(run, changed), truth)
    assert len(covered) >= 40
    assert np.mean(covered) >= 0.9


def _covers(draws: Floats, truth: Floats) -> list[bool]:
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    return [bool(one) for one in (low <= truth) & (truth <= high)]


def _reruns(run: Simulated, changed: ChangedCalls) -> Floats:
    duration = run.calls.duration_ns
    rng, block = np.random.default_rng(0), block_length(duration)
    recorded = block_draws(len(duration), rng=rng, draws=DRAWS, block=block)
    rerun = block_draws(len(duration), rng=rng, draws=DRAWS, block=block)
    found = []
    for draw, (first, second) in enumerate(zip(recorded, rerun, strict=True)):
        after = duration - changed.saved_ns(draw)
        found.append(np.quantile(after[first][second], QUANTILES))
    return np.array(found)


@pytest.mark.parametrize("is_streamed", [True, False])
def test_noise_is_never_taken_for_a_cost_of_tokens(is_streamed: bool) -> None:
    false = 0
    for seed in range(25):
        rng = np.random.default_rng([seed, 5])
        count = int(rng.choice([60, 200]))
        first, rest = (ms * np.exp(0.4 * rng.standard_normal(count)) for ms in (300, 2000))
        found = fit_latency(
            call_columns(
                duration_ns=(first + rest) * MS,
                input_tokens=np.rint(rng.lognormal(7, 0.8, count)),
                output_tokens=np.rint(rng.lognormal(4.8, 0.6, count)),
                ttft_ns=first * MS if is_streamed else None,
            )
        )
        if isinstance(found, LatencyModel):
            false += any(slope.finding == "matters" for slope in found.slopes)
    assert false <= 1


def test_a_cut_of_an_input_that_does_not_matter_saves_nothing_and_says_so() -> None:
    for seed in range(5):
        run = simulated("calm", count=300, seed=seed, input_ms=0)
        model = fit_latency(run.calls)
        assert isinstance(model, LatencyModel)
        changed = changed_calls(model, run.calls, TokenChange(input_factor=0.5))
        assert isinstance(changed, ChangedCalls)
        assert changed.saved_ns().max() < 0.01 * np.median(run.calls.duration_ns)
        assert "The length of the input does not matter here." in changed.notes


def test_more_output_takes_longer() -> None:
    run = simulated("lognormal", count=300, seed=1)
    model = fit_latency(run.calls)
    assert isinstance(model, LatencyModel)
    changed = changed_calls(model, run.calls, TokenChange(output_factor=1.2))
    assert isinstance(changed, ChangedCalls)
    assert (changed.saved_ns() < 0).all()


def test_a_limit_far_below_what_was_recorded_is_refused() -> None:
    rng = np.random.default_rng(1)
    made = rng.uniform(300, 400, 200)
    calls = call_columns(
        duration_ns=(100 + 20 * made) * MS * np.exp(0.02 * rng.standard_normal(200)),
        input_tokens=rng.uniform(100, 900, 200),
        output_tokens=made,
    )
    model = fit_latency(calls)
    assert isinstance(model, LatencyModel)
    refused = changed_calls(model, calls, TokenChange(output_limit=100))
    assert isinstance(refused, Refusal)
    assert refused.reason.startswith("100 output tokens are far from what was recorded")
