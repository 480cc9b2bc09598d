"""Attribute names of three generations and two vocabularies, in one set of columns."""

from __future__ import annotations

import math

import pytest

from latprobe.otel.semconv import Promoted, promote


def test_latprobes_short_names_become_columns_and_leave_the_attributes() -> None:
    said = promote({"model": "m", "input_tokens": 3, "output_tokens": 2, "page": 1})

    assert said == Promoted({"page": 1}, model="m", input_tokens=3, output_tokens=2, origin="stage")


def test_gen_ai_names_become_columns_and_stay() -> None:
    attributes: dict[str, object] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-x",
        "gen_ai.response.model": "gpt-x-2026",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 60,
        "gen_ai.usage.cache_creation.input_tokens": 10,
        "gen_ai.usage.reasoning.output_tokens": 5,
        "gen_ai.response.time_to_first_chunk": 0.25,
        "error.type": "timeout",
    }

    assert promote(attributes) == Promoted(
        attributes,
        model="gpt-x-2026",
        provider="openai",
        operation="chat",
        error_type="timeout",
        input_tokens=100,
        output_tokens=20,
        cache_read_tokens=60,
        cache_write_tokens=10,
        reasoning_tokens=5,
        ttft_ns=250_000_000,
        origin="provider",
    )


def test_openinference_names_mean_the_same() -> None:
    attributes: dict[str, object] = {
        "openinference.span.kind": "LLM",
        "llm.provider": "anthropic",
        "llm.model_name": "c",
        "llm.token_count.prompt": 7,
        "llm.token_count.completion": 3,
        "llm.token_count.prompt_details.cache_read": 2,
        "llm.cost.total": 0.5,
    }

    assert promote(attributes) == Promoted(
        attributes,
        model="c",
        provider="anthropic",
        operation="chat",
        input_tokens=7,
        output_tokens=3,
        cache_read_tokens=2,
        cost_usd=0.5,
        origin="provider",
    )


@pytest.mark.parametrize("value", [-1, True, math.nan, math.inf, "12", 1 << 63, 1.5, None, [3]])
def test_counts_that_cannot_be_meant_stay_attributes_only(value: object) -> None:
    attributes = {"input_tokens": value, "gen_ai.usage.output_tokens": value}

    assert promote(attributes) == Promoted(attributes)


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf, "1", True, 1e30])
def test_costs_and_times_that_cannot_be_meant_stay_attributes_only(value: object) -> None:
    attributes = {"cost_usd": value, "gen_ai.response.time_to_first_chunk": value}

    assert promote(attributes) == Promoted(attributes)
