"""Every spelling of every name: a row each, written out, so that losing one is seen."""

from __future__ import annotations

import pytest

from latprobe.otel import names
from latprobe.otel.semconv import Promoted, promote

NS = 1_000_000_000

# (attribute, its value, the column, what the column says)
ALIASES: list[tuple[str, object, str, object]] = [
    ("model", "m", "model", "m"),
    ("gen_ai.response.model", "m", "model", "m"),
    ("gen_ai.request.model", "m", "model", "m"),
    ("llm.response.model_name", "m", "model", "m"),
    ("llm.request.model_name", "m", "model", "m"),
    ("llm.model_name", "m", "model", "m"),
    ("embedding.model_name", "m", "model", "m"),
    ("reranker.model_name", "m", "model", "m"),
    ("llm.response.model", "m", "model", "m"),
    ("llm.request.model", "m", "model", "m"),
    ("langfuse.observation.model.name", "m", "model", "m"),
    ("ai.response.model", "m", "model", "m"),
    ("ai.model.id", "m", "model", "m"),
    ("gen_ai.provider.name", "openai", "provider", "openai"),
    ("gen_ai.system", "az.ai.openai", "provider", "azure.ai.openai"),
    ("llm.provider", "mistralai", "provider", "mistral_ai"),
    ("llm.system", "vertexai", "provider", "gcp.vertex_ai"),
    ("llm.vendor", "OpenAI", "provider", "openai"),
    ("ai.model.provider", "anthropic.messages", "provider", "anthropic"),
    ("gen_ai.operation.name", "chat", "operation", "chat"),
    ("llm.request.type", "embedding", "operation", "embeddings"),
    ("llm.request.type", "completion", "operation", "text_completion"),
    ("llm.request.type", "chat", "operation", "chat"),
    ("openinference.span.kind", "LLM", "operation", "chat"),
    ("openinference.span.kind", "EMBEDDING", "operation", "embeddings"),
    ("openinference.span.kind", "CHAIN", "operation", "invoke_workflow"),
    ("openinference.span.kind", "RETRIEVER", "operation", "retrieval"),
    ("openinference.span.kind", "RERANKER", "operation", "rerank"),
    ("openinference.span.kind", "TOOL", "operation", "execute_tool"),
    ("openinference.span.kind", "AGENT", "operation", "invoke_agent"),
    ("openinference.span.kind", "GUARDRAIL", "operation", "guardrail"),
    ("openinference.span.kind", "UNKNOWN", "operation", None),
    ("langfuse.observation.type", "generation", "operation", "chat"),
    ("langfuse.observation.type", "tool", "operation", "execute_tool"),
    ("langfuse.observation.type", "span", "operation", None),
    ("traceloop.span.kind", "workflow", "operation", "invoke_workflow"),
    ("traceloop.span.kind", "agent", "operation", "invoke_agent"),
    ("traceloop.span.kind", "tool", "operation", "execute_tool"),
    ("traceloop.span.kind", "task", "operation", None),
    ("ai.operationId", "ai.streamText", "operation", "invoke_agent"),
    ("ai.operationId", "ai.streamText.doStream", "operation", "chat"),
    ("ai.operationId", "ai.embed.doEmbed", "operation", "embeddings"),
    ("ai.operationId", "ai.toolCall", "operation", "execute_tool"),
    ("error.type", "timeout", "error_type", "timeout"),
    ("input_tokens", 7, "input_tokens", 7),
    ("gen_ai.usage.input_tokens", 7, "input_tokens", 7),
    ("gen_ai.usage.prompt_tokens", 7, "input_tokens", 7),
    ("llm.token_count.prompt", 7, "input_tokens", 7),
    ("llm.usage.prompt_tokens", 7, "input_tokens", 7),
    ("llm.usage.input_tokens", 7, "input_tokens", 7),
    ("ai.usage.inputTokens", 7, "input_tokens", 7),
    ("ai.usage.promptTokens", 7, "input_tokens", 7),
    ("ai.usage.tokens", 7, "input_tokens", 7),
    ("decision.token_count.input", 7, "input_tokens", 7),
    ("output_tokens", 7, "output_tokens", 7),
    ("gen_ai.usage.output_tokens", 7, "output_tokens", 7),
    ("gen_ai.usage.completion_tokens", 7, "output_tokens", 7),
    ("llm.token_count.completion", 7, "output_tokens", 7),
    ("llm.usage.completion_tokens", 7, "output_tokens", 7),
    ("llm.usage.output_tokens", 7, "output_tokens", 7),
    ("ai.usage.outputTokens", 7, "output_tokens", 7),
    ("ai.usage.completionTokens", 7, "output_tokens", 7),
    ("decision.token_count.output", 7, "output_tokens", 7),
    ("cache_read_tokens", 7, "cache_read_tokens", 7),
    ("gen_ai.usage.cache_read.input_tokens", 7, "cache_read_tokens", 7),
    ("gen_ai.usage.cache_read_input_tokens", 7, "cache_read_tokens", 7),
    ("gen_ai.usage.cache_read_tokens", 7, "cache_read_tokens", 7),
    ("gen_ai.usage.details.cache_read_tokens", 7, "cache_read_tokens", 7),
    ("gen_ai.usage.input_tokens.cached", 7, "cache_read_tokens", 7),
    ("llm.token_count.prompt_details.cache_read", 7, "cache_read_tokens", 7),
    ("llm.token_count.prompt_details.cache_input", 7, "cache_read_tokens", 7),
    ("llm.usage.cache_read_input_tokens", 7, "cache_read_tokens", 7),
    ("ai.usage.cachedInputTokens", 7, "cache_read_tokens", 7),
    ("ai.usage.inputTokenDetails.cacheReadTokens", 7, "cache_read_tokens", 7),
    ("cache_write_tokens", 7, "cache_write_tokens", 7),
    ("gen_ai.usage.cache_write.input_tokens", 7, "cache_write_tokens", 7),
    ("gen_ai.usage.cache_creation.input_tokens", 7, "cache_write_tokens", 7),
    ("gen_ai.usage.cache_creation_input_tokens", 7, "cache_write_tokens", 7),
    ("gen_ai.usage.cache_write_input_tokens", 7, "cache_write_tokens", 7),
    ("gen_ai.usage.cache_write_tokens", 7, "cache_write_tokens", 7),
    ("gen_ai.usage.details.cache_write_tokens", 7, "cache_write_tokens", 7),
    ("gen_ai.usage.input_tokens.cache_write", 7, "cache_write_tokens", 7),
    ("llm.token_count.prompt_details.cache_write", 7, "cache_write_tokens", 7),
    ("llm.usage.cache_creation_input_tokens", 7, "cache_write_tokens", 7),
    ("ai.usage.cacheCreationInputTokens", 7, "cache_write_tokens", 7),
    ("ai.usage.inputTokenDetails.cacheWriteTokens", 7, "cache_write_tokens", 7),
    ("reasoning_tokens", 7, "reasoning_tokens", 7),
    ("gen_ai.usage.reasoning.output_tokens", 7, "reasoning_tokens", 7),
    ("gen_ai.usage.output_tokens.reasoning", 7, "reasoning_tokens", 7),
    ("gen_ai.usage.reasoning_tokens", 7, "reasoning_tokens", 7),
    ("gen_ai.usage.details.reasoning_tokens", 7, "reasoning_tokens", 7),
    ("llm.token_count.completion_details.reasoning", 7, "reasoning_tokens", 7),
    ("llm.usage.reasoning_tokens", 7, "reasoning_tokens", 7),
    ("ai.usage.reasoningTokens", 7, "reasoning_tokens", 7),
    ("ai.usage.outputTokenDetails.reasoningTokens", 7, "reasoning_tokens", 7),
    ("gen_ai.usage.total_tokens", 7, "total_tokens", 7),
    ("llm.token_count.total", 7, "total_tokens", 7),
    ("llm.usage.total_tokens", 7, "total_tokens", 7),
    ("ai.usage.totalTokens", 7, "total_tokens", 7),
    ("cost_usd", 0.5, "cost_usd", 0.5),
    ("gen_ai.usage.cost", 0.5, "cost_usd", 0.5),
    ("gen_ai.usage.cost.total", 0.5, "cost_usd", 0.5),
    ("gen_ai.usage.total_cost", 0.5, "cost_usd", 0.5),
    ("llm.cost.total", 0.5, "cost_usd", 0.5),
    ("operation.cost", 0.5, "cost_usd", 0.5),
    ("total_cost", 0.5, "cost_usd", 0.5),
    ("langfuse.observation.cost_details", '{"total": 0.5}', "cost_usd", 0.5),
    ("langfuse.observation.usage_details", '{"input": 7}', "input_tokens", 7),
    ("langfuse.observation.usage_details", '{"output": 7}', "output_tokens", 7),
    ("langfuse.observation.usage_details", '{"total": 7}', "total_tokens", 7),
    ("langfuse.observation.usage_details", '{"input_cached_tokens": 7}', "cache_read_tokens", 7),
    (
        "langfuse.observation.usage_details",
        '{"cache_read_input_tokens": 7}',
        "cache_read_tokens",
        7,
    ),
    ("langfuse.observation.usage_details", '{"input_cache_read": 7}', "cache_read_tokens", 7),
    (
        "langfuse.observation.usage_details",
        '{"cache_creation_input_tokens": 7}',
        "cache_write_tokens",
        7,
    ),
    ("langfuse.observation.usage_details", '{"output_reasoning": 7}', "reasoning_tokens", 7),
    ("gen_ai.response.time_to_first_chunk", 0.5, "ttft_ns", NS // 2),
    ("gen_ai.response.time_to_first_token", 0.5, "ttft_ns", NS // 2),
    ("gen_ai.server.time_to_first_token", 0.5, "ttft_ns", NS // 2),
    ("gen_ai.server.ttft", 0.5, "ttft_ns", NS // 2),
    ("gen_ai.latency.time_to_first_token", 0.5, "ttft_ns", NS // 2),
    ("ai.response.msToFirstChunk", 500, "ttft_ns", NS // 2),
    ("ai.stream.msToFirstChunk", 500.0, "ttft_ns", NS // 2),
    ("completion_start_time", 0.5, "first_chunk_at_ns", NS // 2),
    ("langfuse.observation.completion_start_time", 0.5, "first_chunk_at_ns", NS // 2),
    ("gen_ai.latency.time_in_queue", 0.5, "queue_ns", NS // 2),
    ("gen_ai.latency.time_in_model_prefill", 0.5, "prefill_ns", NS // 2),
    ("gen_ai.latency.time_in_model_decode", 0.5, "decode_ns", NS // 2),
]


@pytest.mark.parametrize(
    ("name", "value", "column", "wanted"), ALIASES, ids=[f"{a}={v}" for a, v, _, _ in ALIASES]
)
def test_a_spelling_means_its_column(name: str, value: object, column: str, wanted: object) -> None:
    assert getattr(promote({name: value}), column) == wanted


def test_every_name_in_the_data_has_a_row() -> None:
    tables = (names.TEXT_NAMES, names.COUNT_NAMES, names.SECOND_NAMES)
    known = {spelling for table in tables for each in table.values() for spelling in each}
    for table in (names.MILLISECOND_NAMES, names.MOMENT_NAMES):
        known.update(spelling for each in table.values() for spelling in each)
    known.update(names.COST_NAMES)
    known.update({names.STRANDS_TTFT, names.USAGE_JSON_NAME, names.COST_JSON_NAME})

    assert {name for name, _, _, _ in ALIASES} == known


def test_what_no_table_names_is_kept_as_it_is() -> None:
    attributes: dict[str, object] = {
        "traceloop.entity.name": "answer",
        "traceloop.workflow.name": "qa",
        "gen_ai.prompt.0.content": "Hello",
        "gen_ai.response.finish_reasons": ("stop",),
        "vendor.thing": 1,
    }

    assert promote(attributes) == Promoted(attributes)
