"""What an answer in a vendor's format says was used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from latprobe.otel.token_sums import Counts, settle
from latprobe.tokens.formats.streamed import is_stream, whole_answer
from latprobe.tokens.json_values import BROKEN, mapping_at, text_at, unwrapped

UNREPORTED = "the answer reports no usage"
UNREPORTED_STREAM = "the stream reported no usage"

_LARGEST = 1 << 40
_MOST_DEPTH = 6

# Where usage stands in an answer. "" is the answer itself; a * is every item of a list.
_PLACES = (
    "usage",
    "usageMetadata",
    "usage_metadata",
    "response.usage",
    "message.usage",
    "llm_output.token_usage",
    "llm_output.usage",
    "kwargs.usage_metadata",
    "kwargs.response_metadata.token_usage",
    "kwargs.response_metadata.usage",
    "data.usage_metadata",
    "data.response_metadata.token_usage",
    "response_metadata.token_usage",
    "response_metadata.usage",
    "generations.*.*.message.kwargs.usage_metadata",
    "generations.*.*.message.usage_metadata",
    "generations.*.*.generation_info.usage_metadata",
    "raw.usage",
    "raw.usage_metadata",
    "meta.tokens",
    "meta.billed_units",
    "message.additional_kwargs",
    "additional_kwargs",
    "",
)
# Cohere has both of them inside its usage: what was counted, and what was charged.
_INNER = ("tokens", "billed_units")

_INPUT = (
    "prompt_tokens", "input_tokens", "promptTokenCount", "prompt_token_count", "prompt_eval_count",
    "inputTokens", "promptTokens",
)  # fmt: skip
_OUTPUT = (
    "completion_tokens", "output_tokens", "candidatesTokenCount", "candidates_token_count",
    "responseTokenCount", "eval_count", "outputTokens", "completionTokens",
)  # fmt: skip
_TOTAL = ("total_tokens", "totalTokenCount", "total_token_count", "totalTokens")
# Counted beside `input_tokens` by Anthropic and Bedrock, within `prompt_tokens` by gateways.
_READ_BESIDE = ("cache_read_input_tokens", "cacheReadInputTokens", "cacheReadInputTokenCount")
_WRITTEN_BESIDE = (
    "cache_creation_input_tokens", "cacheWriteInputTokens", "cacheWriteInputTokenCount",
)  # fmt: skip
_READ_WITHIN = (
    "cachedContentTokenCount", "cached_content_token_count", "cachedInputTokens",
    "prompt_cache_hit_tokens",
)  # fmt: skip
_EXCLUDING = ("input_tokens", "inputTokens")
# Gemini's counts that its others leave out.
_TOOL_PROMPT = ("toolUsePromptTokenCount", "tool_use_prompt_token_count")
_THOUGHTS = ("thoughtsTokenCount", "thoughts_token_count")
_GIVEN_DETAILS = ("prompt_tokens_details", "input_tokens_details", "input_token_details")
_MADE_DETAILS = ("completion_tokens_details", "output_tokens_details", "output_token_details")
_MODALITIES = ("promptTokensDetails", "prompt_tokens_details")
_ALL = (
    *_INPUT, *_OUTPUT, *_TOTAL, *_READ_BESIDE, *_WRITTEN_BESIDE, *_READ_WITHIN, *_TOOL_PROMPT,
    *_THOUGHTS, "cached_tokens", "reasoning_tokens",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Billed:
    """Tokens as billed; None where the answer does not say. `input` includes the cached ones.

    `image` and `audio` are parts of the input. `tier` is the vendor's word for a price other than
    the usual one (batch, flex, priority). `problem` says what of the counts cannot be meant or does
    not add up, or that an answer reports none; None without an answer.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    image: int | None = None
    audio: int | None = None
    tier: str | None = None
    problem: str | None = None


def billed_tokens(response: object) -> Billed:
    """The usage that an answer carries: OpenAI's, Anthropic's, Gemini's, Ollama's, Bedrock's or
    Cohere's, what LangChain and LlamaIndex keep of them, or a stream of any of these."""
    value = unwrapped(response)
    answer, _ = whole_answer(response if value is BROKEN else value)
    if not isinstance(answer, Mapping):
        return Billed()
    for place in _PLACES:
        found = [held for held in _at(answer, place.split(".") if place else []) if _counts(held)]
        if len(found) == 1:
            tier = text_at(found[0], "service_tier") or text_at(answer, "service_tier")
            return _billed(mapping_at(found[0], *_INNER) or found[0], tier)
    return Billed(problem=UNREPORTED_STREAM if is_stream(response) else UNREPORTED)


def _at(value: object, path: list[str], depth: int = 0) -> Iterator[Mapping[str, object]]:
    """The objects at a place, whether one or several."""
    if depth > _MOST_DEPTH:
        return
    if not path:
        if isinstance(value, Mapping):
            yield value
    elif path[0] == "*":
        for item in value if isinstance(value, (list, tuple)) else ():
            yield from _at(item, path[1:], depth + 1)
    elif isinstance(value, Mapping):
        yield from _at(value.get(path[0]), path[1:], depth + 1)


def _counts(usage: Mapping[str, object]) -> bool:
    """Whether it names a count, be it one that cannot be meant."""
    held = mapping_at(usage, *_INNER) or usage
    return any(held.get(name) is not None for name in (*_INPUT, *_OUTPUT, *_TOTAL))


def _billed(usage: Mapping[str, object], tier: str | None) -> Billed:
    given, output = _first(usage, _INPUT), _first(usage, _OUTPUT)
    details, made = mapping_at(usage, *_GIVEN_DETAILS), mapping_at(usage, *_MADE_DETAILS)
    beside = _first(usage, _READ_BESIDE)
    read = beside if beside is not None else _first(usage, _READ_WITHIN)
    if read is None:
        read = _first(details, ("cached_tokens", "cache_read"))
    written = _first(usage, _WRITTEN_BESIDE)
    excludes = _is_beside(usage) and (beside is not None or written is not None)
    if written is None:
        written = _first(details, ("cache_creation",))
    thoughts = _first(usage, _THOUGHTS)
    reasoning = _first(made, ("reasoning_tokens", "reasoning")) if thoughts is None else thoughts
    if given is not None:
        given += _first(usage, _TOOL_PROMPT) or 0
    if thoughts is not None and (output is not None or given is not None):
        output = (output or 0) + thoughts
    cached, total = (read or 0) + (written or 0), _first(usage, _TOTAL)
    sums = settle(
        Counts(given, output, cached, reasoning or 0, total, None, None, excludes=excludes)
    )
    return Billed(
        sums.input_tokens,
        sums.output_tokens,
        cache_read=read,
        cache_write=written,
        reasoning=reasoning,
        image=_of_kind(usage, "image"),
        audio=_of_kind(usage, "audio"),
        tier=tier,
        problem=_refused(usage) or sums.problem,
    )


def _is_beside(usage: Mapping[str, object]) -> bool:
    return _first(usage, ("prompt_tokens",)) is None and _first(usage, _EXCLUDING) is not None


def _of_kind(usage: Mapping[str, object], kind: str) -> int | None:
    """The input's tokens of a medium: by name, or in Gemini's list by modality."""
    found = _first(mapping_at(usage, *_GIVEN_DETAILS), (f"{kind}_tokens", kind))
    if found is not None:
        return found
    for name in _MODALITIES:
        items = usage.get(name)
        for item in items if isinstance(items, list) else ():
            if isinstance(item, Mapping) and str(item.get("modality")).lower() == kind:
                return _first(item, ("tokenCount", "token_count"))
    return None


def _refused(usage: Mapping[str, object]) -> str | None:
    """A sentence about a count that cannot be meant, None without one."""
    for held in (usage, mapping_at(usage, *_GIVEN_DETAILS), mapping_at(usage, *_MADE_DETAILS)):
        for name in _ALL:
            value = held.get(name)
            if value is not None and _count(value) is None:
                return f"{name} = {str(value)[:40]} cannot be a count"
    return None


def _first(usage: Mapping[str, object], names: tuple[str, ...]) -> int | None:
    """The first of the names that holds a possible count."""
    for name in names:
        found = _count(usage.get(name))
        if found is not None:
            return found
    return None


def _count(value: object) -> int | None:
    if isinstance(value, float) and value.is_integer() and 0 <= value < _LARGEST:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST:
        return value
    return None
