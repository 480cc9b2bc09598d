"""Whether a call's token counts add up, and what of its input was not cached.

OpenTelemetry and OpenAI count cached tokens among the input tokens, Anthropic's API does not, and
instrumentations of both kinds exist. Where a total is given, arithmetic decides, else the provider.
"""

from __future__ import annotations

from typing import NamedTuple

from latprobe.otel.names import EXCLUDING_MODELS, EXCLUDING_PROVIDERS

EXCEEDS = "cached tokens exceed input tokens"
UNDEFINED = "the input tokens may lack the cached ones"
REASONING = "reasoning tokens exceed output tokens"
TOTAL = "total tokens are not input plus output"


class Sums(NamedTuple):
    """Input with the cached tokens, output with the reasoning ones; None where not said.

    `problem` says what does not add up, None if nothing.
    """

    input_tokens: int | None
    output_tokens: int | None
    uncached_input_tokens: int | None
    problem: str | None


class Counts(NamedTuple):
    """A call's counts as they were reported. `has_undefined` means that a cache count has a name
    of which no convention says whether it is part of the input; `excludes` that one says it is
    not."""

    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int
    reasoning_tokens: int
    total_tokens: int | None
    provider: str | None
    model: str | None
    has_undefined: bool = False
    excludes: bool = False


def settle(counts: Counts) -> Sums:
    """The counts in OpenTelemetry's sense: totals that include their parts."""
    given, output = counts.input_tokens, counts.output_tokens
    lacks_cached, lacks_reasoning, is_proven = _reading(counts)
    if output is not None and lacks_reasoning:
        output += counts.reasoning_tokens
    problem = REASONING if output is not None and counts.reasoning_tokens > output else None
    if given is None:
        return Sums(None, output, None, problem)
    total = given + counts.cached_tokens if lacks_cached else given
    uncached = total - counts.cached_tokens
    if uncached < 0:
        return Sums(total, output, None, EXCEEDS)
    if problem is None and not is_proven:
        problem = _doubt(counts, lacks_cached)
    return Sums(total, output, uncached, problem)


def _reading(counts: Counts) -> tuple[bool, bool, bool]:
    """(cached tokens are to be added, reasoning ones too, a given total proves it).

    Gemini's output leaves the reasoning out, Anthropic's input the cached tokens.
    """
    given, output, total = counts.input_tokens, counts.output_tokens, counts.total_tokens
    if given is not None and output is not None and total is not None:
        rest = total - given - output
        for lacks_cached, lacks_reasoning in _READINGS:
            if rest == counts.cached_tokens * lacks_cached + counts.reasoning_tokens * (
                lacks_reasoning
            ):
                return lacks_cached, lacks_reasoning, True
    lacks_cached = counts.excludes or (
        given is not None and counts.cached_tokens > given and _is_excluding(counts)
    )
    return lacks_cached, False, False


_READINGS = ((False, False), (True, False), (False, True), (True, True))


def _doubt(counts: Counts, lacks_cached: bool) -> str | None:
    if counts.total_tokens is not None and counts.output_tokens is not None:
        return TOTAL
    is_open = counts.has_undefined and counts.cached_tokens and not lacks_cached
    return UNDEFINED if is_open and _is_excluding(counts) else None


def _is_excluding(counts: Counts) -> bool:
    if counts.provider in EXCLUDING_PROVIDERS:
        return True
    model = (counts.model or "").lower()
    return any(word in model for word in EXCLUDING_MODELS)
