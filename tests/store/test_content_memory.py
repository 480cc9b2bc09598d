"""Texts that stay in memory until their calls are counted."""

from __future__ import annotations

from latprobe.store.content_memory import ContentMemory
from latprobe.tokens.part import Dissected, Part


def call(text: str) -> Dissected:
    """A call of one part."""
    return Dissected((Part("input", "user", "user", text),), 1, 0, "plain", None, (), ())


def test_a_traces_texts_and_calls_are_there_until_it_is_forgotten() -> None:
    memory = ContentMemory()
    memory.note_text(1, "retrieved", "Paris")
    memory.note_call(1, 7, call("Where?"))

    assert memory.known(1) == (("retrieved", "Paris"),)
    assert memory.call(1, 7) == call("Where?")
    assert (memory.known(2), memory.call(1, 8), memory.call(2, 7)) == ((), None, None)
    memory.forget(1)
    assert (memory.known(1), memory.call(1, 7), memory.size_bytes) == ((), None, 0)


def test_the_oldest_traces_go_when_it_is_full() -> None:
    memory = ContentMemory(max_bytes=100_000)
    for trace in range(100):
        memory.note_text(trace, "retrieved", "x" * 1_000)

    assert memory.size_bytes <= 100_000
    assert memory.known(0) == ()
    assert memory.known(99) == (("retrieved", "x" * 1_000),)


def test_a_text_larger_than_the_memory_is_not_held() -> None:
    memory = ContentMemory(max_bytes=10_000)
    memory.note_call(1, 1, call("x" * 100_000))
    assert (memory.call(1, 1), memory.size_bytes) == (None, 0)
