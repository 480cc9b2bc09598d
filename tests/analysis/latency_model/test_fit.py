from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from latprobe.analysis.latency_model import LatencyModel, call_columns, fit_latency
from latprobe.analysis.latency_model.calls import CallColumns
from latprobe.analysis.latency_model.part import Term
from latprobe.analysis.refusal import Refusal
from tests.analysis.latency_model.simulated_calls import MS, simulated


def fitted(calls: CallColumns) -> LatencyModel:
    """The model, which has to be there."""
    model = fit_latency(calls)
    assert isinstance(model, LatencyModel), model
    return model


def findings(model: LatencyModel) -> dict[Term, str]:
    """What is said of each term."""
    return {slope.term: slope.finding for slope in model.slopes}


def _reason(calls: CallColumns) -> str:
    found = fit_latency(calls)
    assert isinstance(found, Refusal)
    return found.reason


@pytest.mark.parametrize("is_streamed", [True, False])
def test_calm_calls_give_their_rule_back_within_the_intervals(is_streamed: bool) -> None:
    model = fitted(simulated("calm", count=400, seed=1, is_streamed=is_streamed).calls)
    assert findings(model) == {"input": "matters", "output": "matters"}
    for term, truth in (("input", 0.15), ("output", 20.0)):
        slope = model.slope(term)  # type: ignore[arg-type]  # one of two literals
        assert slope is not None
        assert slope.ns_per_token is not None
        interval = slope.ns_per_token.interval
        assert interval is not None
        assert interval.low <= truth * MS <= interval.high
        assert interval.high - interval.low < 0.2 * truth * MS


def test_the_same_calls_give_the_same_figures() -> None:
    calls = simulated("lognormal", count=120, seed=2).calls
    assert fitted(calls).slopes == fitted(calls).slopes


def test_the_length_of_the_input_is_said_not_to_matter_where_it_does_not() -> None:
    found = [
        fitted(simulated("lognormal", count=200, seed=seed, input_ms=0).calls) for seed in range(12)
    ]
    said = [findings(model)["input"] for model in found]
    assert said.count("does_not_matter") >= 11
    assert "The length of the input does not matter here." in found[0].notes


def test_an_input_that_matters_is_never_said_not_to() -> None:
    for seed in range(12):
        calls = simulated("lognormal", count=100, seed=seed, input_ms=0.4).calls
        assert findings(fitted(calls))["input"] == "matters"


def test_an_input_that_slows_decoding_alone_is_not_said_not_to_matter() -> None:
    rng = np.random.default_rng(4)
    read, made = rng.uniform(100, 20_000, 300), rng.uniform(50, 400, 300)
    first = 200 * np.exp(0.05 * rng.standard_normal(300))
    rest = made * (10 + 0.001 * read) * np.exp(0.05 * rng.standard_normal(300))
    calls = call_columns(
        duration_ns=(first + rest) * MS,
        input_tokens=read,
        output_tokens=made,
        ttft_ns=first * MS,
    )
    slope = fitted(calls).slope("input")
    assert slope is not None
    assert slope.finding == "unknown"
    assert "decoding is slower after them" in str(slope.reason)


def test_fewer_than_fifty_calls_are_refused() -> None:
    reason = _reason(simulated("calm", count=49, seed=1).calls)
    assert reason == (
        "Only 49 calls with tokens and a duration were recorded; a latency model needs 50. "
        "Record more calls."
    )


def test_no_calls_at_all_are_refused() -> None:
    assert _reason(call_columns(duration_ns=np.empty(0))).startswith("Only 0 calls")


def test_calls_without_tokens_are_refused() -> None:
    assert "No output tokens were recorded" in _reason(call_columns(duration_ns=np.full(90, 1e9)))


def test_tokens_that_hardly_vary_are_refused() -> None:
    rng = np.random.default_rng(1)
    calls = call_columns(
        duration_ns=rng.uniform(1e9, 2e9, 100),
        input_tokens=rng.integers(1000, 1020, 100),
        output_tokens=rng.integers(100, 104, 100),
    )
    assert _reason(calls).startswith("The output tokens hardly vary (p5 100, p95 103)")


def test_input_and_output_that_rise_together_are_refused_unless_streamed() -> None:
    def calls(*, is_streamed: bool) -> CallColumns:
        return simulated(
            "calm", count=300, seed=3, is_streamed=is_streamed, is_collinear=True
        ).calls

    assert "rise and fall together" in _reason(calls(is_streamed=False))
    assert findings(fitted(calls(is_streamed=True)))["output"] == "matters"


def test_cold_first_calls_are_set_apart() -> None:
    model = fitted(simulated("cold", count=200, seed=5).calls)
    assert model.cold_calls == 3
    assert "3 first calls were cold and set apart." in model.notes


def test_calls_known_to_be_cold_are_set_apart() -> None:
    calls = simulated("calm", count=200, seed=5).calls
    is_cold = np.zeros(200, np.bool_)
    is_cold[[50, 90]] = True
    assert fitted(replace(calls, is_cold=is_cold)).cold_calls == 2


def test_drifting_load_is_flagged_and_steady_load_is_not() -> None:
    drifting = fitted(simulated("drifting", count=400, seed=6).calls)
    steady = fitted(simulated("lognormal", count=400, seed=6).calls)
    assert any("holds for your recorded calls" in note for note in drifting.notes)
    assert not any("holds for your recorded calls" in note for note in steady.notes)


def test_the_queue_is_no_part_of_what_tokens_cost() -> None:
    calls = simulated("calm", count=300, seed=7).calls
    queue = np.random.default_rng(7).exponential(5_000 * MS, 300)
    queued = replace(
        calls,
        queue_ns=queue,
        ttft_ns=calls.ttft_ns + queue,
        duration_ns=calls.duration_ns + queue,
    )
    with_queue, without = fitted(queued), fitted(calls)
    for one, other in zip(with_queue.parts, without.parts, strict=True):
        assert np.allclose(one.line, other.line, rtol=1e-6)
    assert with_queue.queue_ns is not None
    assert abs(with_queue.queue_ns.value / np.median(queue) - 1) < 0.01


def test_a_first_token_at_the_end_is_no_stream() -> None:
    calls = simulated("calm", count=200, seed=8).calls
    at_once = replace(calls, ttft_ns=calls.duration_ns)
    assert [part.name for part in fitted(at_once).parts] == ["duration"]


def test_single_calls_lie_where_the_prediction_says() -> None:
    model = fitted(simulated("lognormal", count=300, seed=9).calls)
    later = simulated("lognormal", count=300, seed=10).calls
    inside = told = 0
    for read, made, took in zip(
        later.input_tokens, later.output_tokens, later.duration_ns, strict=True
    ):
        estimate = model.predict(read, made)
        if isinstance(estimate, Refusal) or estimate.interval is None:
            continue
        told += 1
        inside += estimate.interval.low <= took <= estimate.interval.high
    assert told > 280
    assert inside / told > 0.9


def test_far_outside_of_the_recorded_tokens_nothing_is_predicted() -> None:
    model = fitted(simulated("calm", count=100, seed=11).calls)
    found = model.predict(1_000, 50_000)
    assert isinstance(found, Refusal)
    assert found.reason.startswith("50,000 output tokens are far from what was recorded")


def test_bad_figures_are_left_out() -> None:
    calls = simulated("calm", count=200, seed=12).calls
    made = calls.output_tokens.copy()
    made[:5] = -3, np.inf, np.nan, -1, np.nan
    duration = calls.duration_ns.copy()
    duration[5:8] = 0, -1, np.nan
    bad = call_columns(
        duration_ns=duration,
        input_tokens=calls.input_tokens,
        output_tokens=made,
        ttft_ns=calls.ttft_ns,
    )
    assert fitted(bad).calls == 192


def test_an_input_that_was_read_from_a_cache_in_part_is_called_uncached() -> None:
    """Else its percentiles would contradict those of the whole input elsewhere."""
    calls = simulated("lognormal", count=120, seed=3).calls
    calls = replace(calls, input_tokens=np.full(120, 234.0), context_tokens=np.full(120, 500.0))
    slope = fitted(calls).slope("input")
    assert slope is not None
    assert str(slope.reason).startswith("The uncached input tokens hardly vary (p5 234, p95 234)")
    slope = fitted(replace(calls, context_tokens=calls.input_tokens)).slope("input")
    assert slope is not None
    assert str(slope.reason).startswith("The input tokens hardly vary")
