"""Simple calls of large models."""

from __future__ import annotations

import pytest

from latprobe.advice.context import Context
from latprobe.advice.rules import route_small_model
from latprobe.advice.rules.route_small_model import smaller
from tests.advice.gains import saving, usd_per_1000
from tests.advice.pipelines import Recording


def calls(model: str, *, output: str = "yes", count: int = 60) -> Recording:
    recording = Recording(seed=1)
    for number in range(count):
        with recording.request() as request:
            request.call(
                "llm", 300, model=model, prompt=[("question", f"is {number} even?")],
                output=output, usage={"input_tokens": 400, "output_tokens": 10},
                cost_usd=400 * 2.5e-6 + 10 * 10e-6,
            )  # fmt: skip
    return recording


def test_short_answers_of_a_large_model_are_priced_on_its_small_sibling() -> None:
    (only,) = route_small_model.find(Context(calls("gpt-4o").query()))
    # The sibling costs 0.15 and 0.60 dollars a million tokens, against 2.50 and 10.
    assert usd_per_1000(only) == pytest.approx(1.1 * 0.94, rel=0.02)
    assert saving(only).basis == "bound"


def test_small_models_unknown_ones_and_long_answers_stay_silent() -> None:
    assert not list(route_small_model.find(Context(calls("gpt-4o-mini").query())))
    assert not list(route_small_model.find(Context(calls("my-own-7b").query())))
    recording = Recording(seed=1)
    for _ in range(60):
        with recording.request() as request:
            request.call("llm", 900, model="gpt-4o", output="word " * 300, cost_usd=0.01)
    assert not list(route_small_model.find(Context(recording.query())))


def test_few_simple_calls_are_not_enough() -> None:
    (only,) = route_small_model.find(Context(calls("gpt-4o", count=25).query()))
    assert only.verdict == "not enough data"


def test_siblings_by_the_longest_name() -> None:
    assert smaller("openai/gpt-4.1-2025-04-14") == "gpt-4.1-mini"
    assert smaller("gpt-4.1-nano") is None
