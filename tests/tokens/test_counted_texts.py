"""Texts that are counted in threads before they are asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import pytest

from latprobe.tokens import counted_texts
from latprobe.tokens.counted_texts import CountedTexts
from latprobe.tokens.counting import TokenCounter
from latprobe.tokens.part import Media, Part, cut_out, part_hash

TEXTS = [f"Text {number}: " + "words and words. " * (number % 90) for number in range(400)]
ENCODING = "o200k_base"


def part(text: str) -> Part:
    return Part("input", "user", "user", text)


def test_counts_and_hashes_are_those_of_a_counter_without_threads() -> None:
    counter = TokenCounter()
    expected = counter.count_many(TEXTS, ENCODING)
    with CountedTexts(TokenCounter()) as texts:
        for text in TEXTS:
            texts.add([part(text), part(text)], ENCODING)
        texts.all_added()
        found = [texts.count_many([text], ENCODING)[0] for text in TEXTS]
        hashes = [texts.hash_of(part(text)) for text in TEXTS]
    assert (found, hashes) == (expected, [part_hash(part(text)) for text in TEXTS])


def test_a_text_that_nobody_named_is_counted_when_it_is_asked_for() -> None:
    with CountedTexts(TokenCounter()) as texts:
        texts.add([part(TEXTS[0])], ENCODING)
        texts.all_added()
        found = texts.count_many([TEXTS[0], TEXTS[50]], ENCODING)
    assert found == TokenCounter().count_many([TEXTS[0], TEXTS[50]], ENCODING)


def test_whoever_waits_counts_what_no_thread_has_begun_with() -> None:
    may_go_on = threading.Event()
    busy = [counted_texts._pool().submit(may_go_on.wait) for _ in range(counted_texts._THREADS)]
    try:
        with CountedTexts(TokenCounter()) as texts:
            texts.add(map(part, TEXTS), ENCODING)
            texts.all_added()
            found = texts.count_many(TEXTS, ENCODING)
    finally:
        may_go_on.set()
    assert found == TokenCounter().count_many(TEXTS, ENCODING)
    assert all(each.result() for each in busy)


def test_what_nobody_asks_for_is_not_counted_after_the_end() -> None:
    class Noting(TokenCounter):
        calls = 0

        def count_hashed(
            self, texts: Iterable[tuple[str, bytes | None]], encoding: str
        ) -> list[int]:
            Noting.calls += 1
            return super().count_hashed(texts, encoding)

    may_go_on = threading.Event()
    busy = [counted_texts._pool().submit(may_go_on.wait) for _ in range(counted_texts._THREADS)]
    try:
        with CountedTexts(Noting()) as texts:
            texts.add(map(part, TEXTS), ENCODING)
            texts.all_added()
    finally:
        may_go_on.set()
    assert all(each.result() for each in busy)
    counted_texts._pool().submit(len, ()).result()
    assert Noting.calls == 0


def test_what_fails_in_a_thread_fails_where_it_is_asked_for() -> None:
    class Broken(TokenCounter):
        def count_hashed(
            self, texts: Iterable[tuple[str, bytes | None]], encoding: str
        ) -> list[int]:
            raise ValueError("no such text")

    with CountedTexts(Broken()) as texts:
        texts.add([part(TEXTS[60])], ENCODING)
        texts.all_added()
        with pytest.raises(ValueError, match="no such text"):
            texts.count_many([TEXTS[60]], ENCODING)


def test_parts_that_bring_their_hash_or_a_payload_keep_theirs() -> None:
    image = Media("image", "image/png", 9, "ab" * 16, 1, 1, None, None, None)
    parts = [
        cut_out("input", "retrieved", None, "A text.\n"),
        Part("input", "image", None, None, image),
    ]
    with CountedTexts(TokenCounter()) as texts:
        texts.add(parts, ENCODING)
        texts.all_added()
        assert [texts.hash_of(each) for each in parts] == [part_hash(each) for each in parts]


def test_what_fails_where_it_is_waited_for_is_told_by_its_own_text() -> None:
    class Broken(TokenCounter):
        def count_hashed(
            self, texts: Iterable[tuple[str, bytes | None]], encoding: str
        ) -> list[int]:
            raise ValueError("no such text")

    may_go_on = threading.Event()
    busy = [counted_texts._pool().submit(may_go_on.wait) for _ in range(counted_texts._THREADS)]
    try:
        with CountedTexts(Broken()) as texts:
            texts.add([part(TEXTS[60])], ENCODING)
            texts.all_added()
            with pytest.raises(ValueError, match="no such text"):
                texts.count_many([TEXTS[60]], ENCODING)
    finally:
        may_go_on.set()
    assert all(each.result() for each in busy)
