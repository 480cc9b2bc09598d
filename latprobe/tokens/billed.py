"""What an answer in a vendor's format says was used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from latprobe.tokens.json_values import mapping_at

_LARGEST = 1 << 50


@dataclass(frozen=True, slots=True)
class Billed:
    """Tokens as billed; None where the answer does not say. `input` includes the cached ones."""

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None


def billed_tokens(response: object) -> Billed:
    """The usage that an answer of OpenAI, Anthropic, Gemini or Ollama carries."""
    if not isinstance(response, Mapping):
        return Billed()
    usage = mapping_at(response, "usage", "usageMetadata", "usage_metadata") or response
    read = _first(usage, "cache_read_input_tokens", "cachedContentTokenCount")
    write = _first(usage, "cache_creation_input_tokens")
    given = _first(usage, "prompt_tokens", "input_tokens", "promptTokenCount", "prompt_eval_count")
    if given is not None and "cache_read_input_tokens" in usage:
        # Anthropic counts the cached tokens beside the others.
        given += (read or 0) + (write or 0)
    details = mapping_at(usage, "prompt_tokens_details", "input_tokens_details")
    made = mapping_at(usage, "completion_tokens_details", "output_tokens_details")
    thoughts = _first(usage, "thoughtsTokenCount")
    output = _first(
        usage, "completion_tokens", "output_tokens", "candidatesTokenCount", "eval_count"
    )
    if output is not None and thoughts is not None:
        output += thoughts
    return Billed(
        input=given,
        output=output,
        cache_read=_first(details, "cached_tokens") if read is None else read,
        cache_write=write,
        reasoning=_first(made, "reasoning_tokens") if thoughts is None else thoughts,
    )


def _first(usage: Mapping[str, object], *names: str) -> int | None:
    """The first of the names that holds a possible count."""
    for name in names:
        value = usage.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST:
            return value
    return None
