"""Pipelines in which a usual change would cost more than it saves: the verdict is "don't"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.advice.pipelines import Recording, Step, _tokens
from tests.advice.planted import texts
from tests.advice.planted.scenes import ask, recorded
from tests.analysis.seeding import MemoryStore

_SONNET: dict[str, Any] = {"model": "claude-sonnet-4-5", "provider": "anthropic"}
_HOUR_NS = 3_600_000_000_000


@dataclass(frozen=True, slots=True)
class Costly:
    """`rule` has to advise against its own change."""

    name: str
    rule: str
    build: Callable[[int], Recording]

    def store(self, seed: int) -> MemoryStore:
        """What is recorded of it."""
        return self.build(seed).query()


def _cached(recording: Recording, tokens: int) -> None:
    """The newest call read so many tokens from the provider's cache."""
    row = recording.usage[-1]
    row["cache_read_tokens"] = tokens
    row["uncached_input_tokens"] = row["input_tokens"] - tokens


def cached_table(seed: int) -> Recording:
    """A pretty table in the cached prefix: written shorter, the prefix is too short to be kept."""
    table = texts.pretty([texts.record(Recording(seed=1).random) for _ in range(19)])

    def body(recording: Recording, step: Step, _: int) -> None:
        ask(step, texts.sentence(recording.random), system=table, **_SONNET)
        _cached(recording, _tokens(table))

    return recorded(seed, body)


def cached_passage_twice(seed: int) -> Recording:
    """A passage twice in the cached prefix, which is just long enough."""
    passage = texts.paragraph(Recording(seed=2).random, 34)

    def body(recording: Recording, step: Step, _: int) -> None:
        ask(step, texts.sentence(recording.random), system=passage,
            parts=(("retrieved", passage),), **_SONNET)  # fmt: skip
        _cached(recording, 2 * _tokens(passage))

    return recorded(seed, body)


def cached_tools(seed: int) -> Recording:
    """Tools that nobody calls, whose schemas make the prefix long enough to be kept."""
    names = [f"desk_{number}" for number in range(12)]
    rng = Recording(seed=3).random
    schemas = [texts.compact({"name": name, "description": texts.paragraph(rng, 5)})
               for name in names]  # fmt: skip

    def body(recording: Recording, step: Step, _: int) -> None:
        ask(step, texts.sentence(recording.random), parts=tuple(("tools", s) for s in schemas),
            tools={name: name == names[0] for name in names}, **_SONNET)  # fmt: skip
        tools = [part for part in recording.parts[-len(names) - 3 :] if part["part"] == "tools"]
        for part, name in zip(tools, names, strict=True):
            part["name"] = name
        _cached(recording, _tokens(texts.SYSTEM) + sum(_tokens(each) for each in schemas))

    return recorded(seed, body)


def cached_chat(seed: int) -> Recording:
    """A long chat that the provider has cached but for its last question."""

    def body(recording: Recording, step: Step, number: int) -> None:
        rng = recording.random
        turns = tuple(("history", texts.paragraph(rng, 8)) for _ in range(2 + 2 * (number % 15)))
        ask(step, texts.paragraph(rng, 2), parts=turns, **_SONNET)
        _cached(recording, _tokens(texts.SYSTEM) + sum(_tokens(text) for _, text in turns))

    return recorded(seed, body)


def rare_calls(seed: int) -> Recording:
    """Standing text behind a clock, in calls an hour apart: each would pay to write the cache."""

    def body(recording: Recording, step: Step, number: int) -> None:
        ask(step, texts.sentence(recording.random),
            system=f"It is {number:04}.\n{texts.LONG_SYSTEM}", **_SONNET)  # fmt: skip
        recording.usage[-1]["start_ns"] += number * _HOUR_NS

    return recorded(seed, body)


COSTLY = (
    Costly("a cached table", "input_format", cached_table),
    Costly("a cached passage twice", "repeated_blocks", cached_passage_twice),
    Costly("cached tools", "unused_tools", cached_tools),
    Costly("a cached chat", "long_history", cached_chat),
    Costly("an hour between calls", "prompt_cache_order", rare_calls),
)
