"""Attribute names of three generations and two vocabularies, in one set of columns."""

from __future__ import annotations

import math

import pytest

from latprobe.otel.semconv import Promoted, promote


def test_latprobes_short_names_become_columns_and_leave_the_attributes() -> None:
    said = promote({"model": "m", "input_tokens": 3, "output_tokens": 2, "page": 1})

    assert said == Promoted(
        {"page": 1},
        model="m",
        input_tokens=3,
        output_tokens=2,
        uncached_input_tokens=3,
        origin="stage",
    )


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
        uncached_input_tokens=30,
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
        uncached_input_tokens=5,
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


def test_times_of_a_model_server_become_columns() -> None:
    attributes: dict[str, object] = {
        "gen_ai.latency.time_in_queue": 0.5,
        "gen_ai.latency.time_to_first_token": 0.75,
        "gen_ai.latency.time_in_model_prefill": 0.25,
        "gen_ai.latency.time_in_model_decode": 2,
    }

    assert promote(attributes) == Promoted(
        attributes,
        ttft_ns=750_000_000,
        queue_ns=500_000_000,
        prefill_ns=250_000_000,
        decode_ns=2_000_000_000,
    )


def test_langfuses_usage_object_has_an_input_beside_its_cached_part() -> None:
    usage = (
        '{"input": 40, "cache_read_input_tokens": 60, "output": 5, "output_reasoning_tokens": 3,'
        ' "total": 108}'
    )
    attributes: dict[str, object] = {
        "langfuse.observation.type": "generation",
        "langfuse.observation.model.name": "m",
        "langfuse.observation.usage_details": usage,
        "langfuse.observation.cost_details": '{"input": 0.25, "total": 0.5}',
        "langfuse.observation.completion_start_time": '"1970-01-01T00:00:02.5Z"',
    }

    assert promote(attributes) == Promoted(
        attributes,
        model="m",
        operation="chat",
        input_tokens=100,
        output_tokens=8,
        cache_read_tokens=60,
        reasoning_tokens=3,
        total_tokens=108,
        uncached_input_tokens=40,
        cost_usd=0.5,
        first_chunk_at_ns=2_500_000_000,
        origin="provider",
    )


def test_openais_usage_object_in_langfuse_includes_the_cached_part() -> None:
    usage = '{"prompt_tokens": 100, "prompt_tokens_details": {"cached_tokens": 60}}'
    attributes: dict[str, object] = {"langfuse.observation.usage_details": usage}

    assert promote(attributes) == Promoted(
        attributes,
        input_tokens=100,
        cache_read_tokens=60,
        uncached_input_tokens=40,
        origin="provider",
    )


@pytest.mark.parametrize("value", ["", "no", "[1]", "{", "[" * 5000, 7, None, "null"])
def test_an_object_that_is_none_stays_an_attribute(value: object) -> None:
    attributes = {
        "langfuse.observation.usage_details": value,
        "langfuse.observation.cost_details": value,
    }

    assert promote(attributes) == Promoted(attributes)


def test_strands_writes_whole_milliseconds_where_others_write_seconds() -> None:
    name = "gen_ai.server.time_to_first_token"

    assert (promote({name: 250}).ttft_ns, promote({name: 0.25}).ttft_ns) == (
        250_000_000,
        250_000_000,
    )


@pytest.mark.parametrize(
    "value",
    [
        "1970-01-01T00:00:02+00:00",
        "1970-01-01T00:00:02",
        '"1970-01-01T02:00:02+02:00"',
        2,
        2.0,
    ],
)
def test_a_moment_may_be_text_or_seconds(value: object) -> None:
    assert promote({"completion_start_time": value}).first_chunk_at_ns == 2_000_000_000


def test_a_moment_may_be_nanoseconds() -> None:
    moment = 1_790_000_000_000_000_001
    assert promote({"completion_start_time": moment}).first_chunk_at_ns == moment


@pytest.mark.parametrize("value", ["soon", "", -1, float("nan"), None, [2], "9999-99-99"])
def test_a_moment_that_cannot_be_meant_is_none(value: object) -> None:
    assert promote({"completion_start_time": value}).first_chunk_at_ns is None
