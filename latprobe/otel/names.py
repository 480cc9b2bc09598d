"""Attribute names as data, the one place of them: which spelling means which column.

gen_ai in three generations (1.36 and before; what opentelemetry-util-genai 1.3b0 emits; the
registry's head), OpenInference, OpenLLMetry (Traceloop), Langfuse, Vercel AI, vLLM and SGLang, and
what Sentry, pydantic-ai, Strands and OpenLIT spell their own way. The first name in a tuple wins.
A new spelling is a new word here and a row in tests/otel/test_names.py.
"""

from __future__ import annotations

from collections.abc import Mapping

# latprobe's own short names become columns and leave the attributes; all others stay there too.
SHORT_NAMES = frozenset({"model", "input_tokens", "output_tokens"})

TEXT_NAMES: dict[str, tuple[str, ...]] = {
    "model": (
        "model",
        "gen_ai.response.model",
        "llm.response.model_name",
        "llm.response.model",
        "ai.response.model",
        "gen_ai.request.model",
        "llm.request.model_name",
        "llm.request.model",
        "langfuse.observation.model.name",
        "llm.model_name",
        "ai.model.id",
        "embedding.model_name",
        "reranker.model_name",
    ),
    "provider": (
        "gen_ai.provider.name",
        "gen_ai.system",
        "llm.provider",
        "llm.system",
        "llm.vendor",
        "ai.model.provider",
    ),
    "operation": (
        "gen_ai.operation.name",
        "llm.request.type",
        "ai.operationId",
        "openinference.span.kind",
        "langfuse.observation.type",
        "traceloop.span.kind",
    ),
    "error_type": ("error.type",),
}

COUNT_NAMES: dict[str, tuple[str, ...]] = {
    "input_tokens": (
        "input_tokens",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
        "llm.token_count.prompt",
        "llm.usage.prompt_tokens",
        "llm.usage.input_tokens",
        "ai.usage.inputTokens",
        "ai.usage.promptTokens",
        "ai.usage.tokens",
        "decision.token_count.input",
    ),
    "output_tokens": (
        "output_tokens",
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
        "llm.token_count.completion",
        "llm.usage.completion_tokens",
        "llm.usage.output_tokens",
        "ai.usage.outputTokens",
        "ai.usage.completionTokens",
        "decision.token_count.output",
    ),
    "cache_read_tokens": (
        "cache_read_tokens",
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.cache_read_tokens",
        "gen_ai.usage.details.cache_read_tokens",
        "gen_ai.usage.input_tokens.cached",
        "llm.token_count.prompt_details.cache_read",
        "llm.token_count.prompt_details.cache_input",
        "llm.usage.cache_read_input_tokens",
        "ai.usage.inputTokenDetails.cacheReadTokens",
        "ai.usage.cachedInputTokens",
    ),
    "cache_write_tokens": (
        "cache_write_tokens",
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.cache_write_input_tokens",
        "gen_ai.usage.cache_write_tokens",
        "gen_ai.usage.details.cache_write_tokens",
        "gen_ai.usage.input_tokens.cache_write",
        "llm.token_count.prompt_details.cache_write",
        "llm.usage.cache_creation_input_tokens",
        "ai.usage.inputTokenDetails.cacheWriteTokens",
        "ai.usage.cacheCreationInputTokens",
    ),
    "reasoning_tokens": (
        "reasoning_tokens",
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.output_tokens.reasoning",
        "gen_ai.usage.reasoning_tokens",
        "gen_ai.usage.details.reasoning_tokens",
        "llm.token_count.completion_details.reasoning",
        "llm.usage.reasoning_tokens",
        "ai.usage.outputTokenDetails.reasoningTokens",
        "ai.usage.reasoningTokens",
    ),
    "total_tokens": (
        "gen_ai.usage.total_tokens",
        "llm.token_count.total",
        "llm.usage.total_tokens",
        "ai.usage.totalTokens",
    ),
}

COST_NAMES = (
    "cost_usd",
    "gen_ai.usage.cost",
    "gen_ai.usage.cost.total",
    "gen_ai.usage.total_cost",
    "llm.cost.total",
    "operation.cost",
    "total_cost",
)

# Times, by the unit that the name implies. vLLM's and SGLang's are measured in the engine.
SECOND_NAMES: dict[str, tuple[str, ...]] = {
    "ttft_ns": (
        "gen_ai.response.time_to_first_chunk",
        "gen_ai.response.time_to_first_token",
        "gen_ai.server.ttft",
        "gen_ai.latency.time_to_first_token",
    ),
    "queue_ns": ("gen_ai.latency.time_in_queue",),
    "prefill_ns": ("gen_ai.latency.time_in_model_prefill",),
    "decode_ns": ("gen_ai.latency.time_in_model_decode",),
}
MILLISECOND_NAMES: dict[str, tuple[str, ...]] = {
    "ttft_ns": ("ai.response.msToFirstChunk", "ai.stream.msToFirstChunk"),
}
# Strands writes whole milliseconds under this name, everybody else seconds with a fraction.
STRANDS_TTFT = "gen_ai.server.time_to_first_token"

# When the first chunk came, as an absolute time: ISO 8601 (Langfuse's SDK wraps it in a second pair
# of quotes), seconds or nanoseconds since the epoch.
MOMENT_NAMES: dict[str, tuple[str, ...]] = {
    "first_chunk_at_ns": (
        "langfuse.observation.completion_start_time",
        "completion_start_time",
    ),
}

# Span events that mark a chunk; the first one gives the time to the first chunk.
CHUNK_EVENTS = frozenset(
    {
        "First Token Stream Event",
        "ai.stream.firstChunk",
        "gen_ai.content.chunk",
        "llm.content.completion.chunk",
    }
)

# One JSON object for all counts (and for the cost): its keys, nested ones with a dot.
USAGE_JSON_NAME = "langfuse.observation.usage_details"
COST_JSON_NAME = "langfuse.observation.cost_details"
USAGE_JSON_KEYS: dict[str, tuple[str, ...]] = {
    "input_tokens": ("input", "input_tokens", "prompt_tokens"),
    "output_tokens": ("output", "output_tokens", "completion_tokens"),
    "total_tokens": ("total", "total_tokens"),
    "cache_read_tokens": (
        "input_cached_tokens",
        "cache_read_input_tokens",
        "input_cache_read",
        "prompt_tokens_details.cached_tokens",
        "input_tokens_details.cached_tokens",
    ),
    "cache_write_tokens": ("cache_creation_input_tokens", "input_cache_creation"),
    "reasoning_tokens": (
        "output_reasoning_tokens",
        "output_reasoning",
        "completion_tokens_details.reasoning_tokens",
        "output_tokens_details.reasoning_tokens",
    ),
}

# Words of other vocabularies in those of gen_ai.operation.name; "" means that it is none.
OPERATION_WORDS: dict[str, Mapping[str, str]] = {
    "llm.request.type": {"completion": "text_completion", "embedding": "embeddings", "unknown": ""},
    "openinference.span.kind": {
        "llm": "chat",
        "embedding": "embeddings",
        "retriever": "retrieval",
        "reranker": "rerank",
        "tool": "execute_tool",
        "agent": "invoke_agent",
        "chain": "invoke_workflow",
        "unknown": "",
    },
    "traceloop.span.kind": {
        "workflow": "invoke_workflow",
        "agent": "invoke_agent",
        "tool": "execute_tool",
        "task": "",
        "unknown": "",
    },
    "langfuse.observation.type": {
        "generation": "chat",
        "embedding": "embeddings",
        "retriever": "retrieval",
        "tool": "execute_tool",
        "agent": "invoke_agent",
        "chain": "invoke_workflow",
        "span": "",
        "event": "",
    },
    # The outer span of a Vercel AI function repeats what its model calls, `.do...`, used.
    "ai.operationId": {
        "ai.generatetext.dogenerate": "chat",
        "ai.streamtext.dostream": "chat",
        "ai.generateobject.dogenerate": "chat",
        "ai.streamobject.dostream": "chat",
        "ai.embed.doembed": "embeddings",
        "ai.embedmany.doembed": "embeddings",
        "ai.generatetext": "invoke_agent",
        "ai.streamtext": "invoke_agent",
        "ai.generateobject": "invoke_agent",
        "ai.streamobject": "invoke_agent",
        "ai.embed": "invoke_workflow",
        "ai.embedmany": "invoke_workflow",
        "ai.toolcall": "execute_tool",
    },
}

PROVIDER_WORDS = {
    "az.ai.openai": "azure.ai.openai",
    "azure_openai": "azure.ai.openai",
    "az.ai.inference": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "vertex_ai": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
# Vercel AI says which of a provider's APIs was called: "openai.chat".
PROVIDER_SUFFIXES = (".chat", ".completion", ".embedding", ".messages", ".responses")

# What a stage of such an operation works on, where nobody gave it a modality.
OPERATION_MODALITIES = {
    "chat": "text",
    "text_completion": "text",
    "generate_content": "text",
    "embeddings": "retrieval",
    "retrieval": "retrieval",
    "rerank": "retrieval",
    "execute_tool": "tool",
}

# Providers whose API does not count cached tokens among the input tokens, and these providers'
# models at somebody else's. Instrumentations are to add them, and most do.
EXCLUDING_PROVIDERS = frozenset({"anthropic", "aws.bedrock"})
EXCLUDING_MODELS = ("claude", "anthropic")
# Spellings that no convention ties to the input tokens: the raw API's names, put behind a prefix.
UNDEFINED_CACHE_NAMES = frozenset(
    {
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.cache_write_input_tokens",
        "gen_ai.usage.cache_read_tokens",
        "gen_ai.usage.cache_write_tokens",
        "llm.usage.cache_read_input_tokens",
        "llm.usage.cache_creation_input_tokens",
    }
)
