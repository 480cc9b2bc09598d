"""A span's attributes as other programs expect them: columns of the store under standard names.

The names are those that opentelemetry-util-genai 1.3b0 emits; what has no standard name is
`latprobe.*`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from latprobe.export.content import without_content
from latprobe.export.stored_spans import StoredSpan

# Fields of OTLP's own, which the store keeps among the attributes.
_FIELDS = frozenset({"tracestate", "otel.scope.version"})
_MODEL_NAMES = ("gen_ai.request.model", "gen_ai.response.model")
_COST_NAMES = ("gen_ai.usage.cost", "gen_ai.usage.cost.total", "llm.cost.total", "total_cost")

_SECONDS = {
    "gen_ai.response.time_to_first_chunk": "ttft_ns",
    "gen_ai.latency.time_in_queue": "queue_ns",
    "gen_ai.latency.time_in_model_prefill": "prefill_ns",
    "gen_ai.latency.time_in_model_decode": "decode_ns",
}


def span_attributes(span: StoredSpan, *, content: bool) -> dict[str, Any]:
    """What the span was given, completed from its columns; content only where asked for."""
    given = span.attributes if content else without_content(span.attributes)
    found = {name: value for name, value in given.items() if name not in _FIELDS}
    for name, value in _promoted(span, found):
        if value is not None:
            found.setdefault(name, value)
    return found


def _promoted(span: StoredSpan, found: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "gen_ai.operation.name", span.operation
    yield "gen_ai.provider.name", span.provider
    if not any(name in found for name in _MODEL_NAMES):
        yield "gen_ai.request.model", span.model
    yield "gen_ai.usage.input_tokens", span.input_tokens
    yield "gen_ai.usage.output_tokens", span.output_tokens
    yield "gen_ai.usage.cache_read.input_tokens", span.cache_read_tokens
    yield "gen_ai.usage.cache_write.input_tokens", span.cache_write_tokens
    yield "gen_ai.usage.reasoning.output_tokens", span.reasoning_tokens
    if not any(name in found for name in _COST_NAMES):
        yield "gen_ai.usage.cost", span.cost_usd
    for name, column in _SECONDS.items():
        value_ns = getattr(span, column)
        if value_ns is not None:
            yield name, value_ns / 1e9
    yield "error.type", span.error_type
    yield "thread.name", span.thread
    yield "latprobe.modality", span.modality
    yield "latprobe.cpu_ns", span.cpu_ns
    yield "latprobe.chunks", span.chunks
    yield "latprobe.gap_p50_ns", span.gap_p50_ns
    yield "latprobe.gap_p95_ns", span.gap_p95_ns
