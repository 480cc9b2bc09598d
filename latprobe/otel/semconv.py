"""Attribute names, the one file of them: which ones become columns of the store.

Three generations of gen_ai names (gen_ai 1.36 and before, what opentelemetry-util-genai 1.3b0
emits, the registry's head), OpenInference, and latprobe's own short names. All are read; the first
in a tuple wins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

MAX_COUNT = 1 << 62

# Short names become columns and leave the attributes; all others stay there too.
SHORT_NAMES = frozenset({"model", "input_tokens", "output_tokens"})

TEXT_NAMES: dict[str, tuple[str, ...]] = {
    "model": (
        "model",
        "gen_ai.response.model",
        "gen_ai.request.model",
        "llm.response.model_name",
        "llm.request.model_name",
        "llm.model_name",
        "embedding.model_name",
        "reranker.model_name",
    ),
    "provider": ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system"),
    "operation": ("gen_ai.operation.name", "openinference.span.kind"),
    "error_type": ("error.type",),
}

COUNT_NAMES: dict[str, tuple[str, ...]] = {
    "input_tokens": (
        "input_tokens",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
        "llm.token_count.prompt",
        "decision.token_count.input",
    ),
    "output_tokens": (
        "output_tokens",
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
        "llm.token_count.completion",
        "decision.token_count.output",
    ),
    "cache_read_tokens": (
        "cache_read_tokens",
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.cache_read_tokens",
        "gen_ai.usage.input_tokens.cached",
        "llm.token_count.prompt_details.cache_read",
        "llm.token_count.prompt_details.cache_input",
    ),
    "cache_write_tokens": (
        "cache_write_tokens",
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.cache_write_tokens",
        "gen_ai.usage.input_tokens.cache_write",
        "llm.token_count.prompt_details.cache_write",
    ),
    "reasoning_tokens": (
        "reasoning_tokens",
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.output_tokens.reasoning",
        "llm.token_count.completion_details.reasoning",
    ),
}

COST_NAMES = (
    "cost_usd",
    "gen_ai.usage.cost",
    "gen_ai.usage.cost.total",
    "llm.cost.total",
    "total_cost",
)

# Time to the first chunk or token, seconds.
TTFT_NAMES = (
    "gen_ai.response.time_to_first_chunk",
    "gen_ai.response.time_to_first_token",
    "gen_ai.server.time_to_first_token",
    "gen_ai.latency.time_to_first_token",
)

# openinference.span.kind in the words of gen_ai.operation.name.
OPENINFERENCE_OPERATIONS = {
    "LLM": "chat",
    "EMBEDDING": "embeddings",
    "RETRIEVER": "retrieval",
    "TOOL": "execute_tool",
    "AGENT": "invoke_agent",
    "CHAIN": "invoke_workflow",
}


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


class Promoted(NamedTuple):
    """What an attribute mapping says in columns. Counts in tokens, None where nothing is said.

    `origin` is where the token counts came from: "provider" for gen_ai.* and llm.* names, "stage"
    for latprobe's short names. `rest` is what stays in the attributes.
    """

    rest: Mapping[str, object]
    model: str | None = None
    provider: str | None = None
    operation: str | None = None
    error_type: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: float | None = None
    ttft_ns: int | None = None
    origin: str | None = None


def promote(attributes: Mapping[str, object]) -> Promoted:
    """Columns from attributes. Values that cannot be meant (negative, text, NaN, absurdly large)
    give None and stay in `rest`."""
    best: dict[str, tuple[int, object]] = {}
    rest: Mapping[str, object] = attributes
    origin: str | None = None
    for name, value in attributes.items():
        rule = _RULES.get(name)
        if rule is None:
            continue
        column, rank, read = rule
        clean = read(value)
        if clean is None:
            continue
        if column.endswith("_tokens") and origin != "provider":
            origin = "provider" if "." in name else "stage"
        if name in SHORT_NAMES:
            if rest is attributes:
                rest = dict(attributes)
            del rest[name]  # type: ignore[attr-defined]  # the copy made above
        if column not in best or rank < best[column][0]:
            best[column] = (rank, clean)
    values = {column: value for column, (_, value) in best.items()}
    return Promoted(rest, origin=origin, **values)  # type: ignore[arg-type]  # _RULES pairs column and type


def _text(value: object) -> str | None:
    if type(value) is not str or not value:
        return None
    return value.encode("utf-8", "replace").decode()


def _operation(value: object) -> str | None:
    text = _text(value)
    return None if text is None else OPENINFERENCE_OPERATIONS.get(text, text.lower())


def _count(value: object) -> int | None:
    if type(value) is int and 0 <= value <= MAX_COUNT:
        return value
    if type(value) is float and value.is_integer() and 0 <= value <= MAX_COUNT:
        return int(value)
    return None


def _cost(value: object) -> float | None:
    if type(value) in (int, float) and 0 <= value < 1e12:  # type: ignore[operator]  # a number
        return float(value)  # type: ignore[arg-type]  # a number
    return None


def _seconds(value: object) -> int | None:
    seconds = _cost(value)
    if seconds is None or not math.isfinite(seconds) or seconds > MAX_COUNT / 1e9:
        return None
    return int(seconds * 1e9)


_Rule = tuple[str, int, Callable[[object], object]]


def _rules() -> dict[str, _Rule]:
    rules: dict[str, _Rule] = {}

    def add(column: str, names: tuple[str, ...], read: Callable[[object], object]) -> None:
        rules.update({name: (column, rank, read) for rank, name in enumerate(names)})

    for column, names in TEXT_NAMES.items():
        add(column, names, _text)
    for column, names in COUNT_NAMES.items():
        add(column, names, _count)
    add("operation", TEXT_NAMES["operation"], _operation)
    add("cost_usd", COST_NAMES, _cost)
    add("ttft_ns", TTFT_NAMES, _seconds)
    return rules


_RULES = _rules()
