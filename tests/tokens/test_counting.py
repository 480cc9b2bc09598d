"""Counts are tiktoken's own, for texts that it takes and for texts that it does not."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from latprobe.tokens import pieces, walls
from latprobe.tokens.counting import Counted, TokenCounter
from latprobe.tokens.encoding import load

ENCODINGS = ["o200k_base", "cl100k_base"]
ANY_CHARACTER = st.characters(exclude_categories=())
FRAGMENTS = st.sampled_from(
    [
        *(
            " ",
            "  ",
            "\n",
            "\r\n",
            "\t",
            "\n\n",
            " \n ",
            "\u00a0",
            "\u3000",
            "\x85",
            "\u2028",
            "\x1f",
        ),
        *("a", "Ab", "word ", "it's", "I'LL", "'", "\u017f", "'\u017f", "ÀÉ", "straße", "\u0301"),
        *(
            "1",
            "12345",
            "½",
            "\u0664",
            "漢",
            "漢字。",
            "かな、",
            "한국어",
            "ไทยกั",
            "हिन्दी",
            "مرحبا",
        ),
        *(
            "!",
            "//",
            "/\n",
            "\n/",
            "--",
            "_",
            "{}();\n",
            "def f(x):\n    return x\n",
            "<|endoftext|>",
        ),
        *("😀", "👩‍🚀", "\x00", "\ud800", "\udc00", "\ud83d\ude00", "\ufeff", "\u200b", "\x1c"),
    ]
)
ANY_TEXT = st.text(ANY_CHARACTER) | st.lists(FRAGMENTS, max_size=80).map("".join)
RUNS = st.lists(st.tuples(FRAGMENTS | ANY_CHARACTER, st.integers(1, 300)), max_size=6).map(
    lambda runs: "".join(unit * times for unit, times in runs)
)


def tiktokens_own(text: str, encoding: str) -> int:
    return len(load(encoding).encode_ordinary(text))


@contextmanager
def small_pieces(piece: int, reach: int, block: int) -> Iterator[None]:
    """Makes texts of hypothesis' size long ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PIECE_CHARACTERS", piece)
        patch.setattr(pieces, "REACH_CHARACTERS", reach)
        patch.setattr(walls, "BLOCK_BYTES", block)
        patch.setattr(walls, "OVERLAPS_TOKENS", (4, 16, 64))
        yield


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(text=ANY_TEXT)
@settings(max_examples=300, deadline=None)
def test_a_text_has_as_many_tokens_as_tiktoken_makes_of_it(text: str, encoding: str) -> None:
    assert TokenCounter().measure(text, encoding) == Counted(tiktokens_own(text, encoding))


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(texts=st.lists(ANY_TEXT, max_size=12))
@example(texts=["<|endoftext|>", "a" * 70, "|>" + "b" * 70, "<|endoftext|" + "c" * 70])
@settings(max_examples=200, deadline=None)
def test_texts_counted_together_have_the_tokens_that_each_has_alone(
    texts: list[str], encoding: str
) -> None:
    expected = [tiktokens_own(text, encoding) for text in texts]
    assert TokenCounter().count_many(texts, encoding) == expected


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(text=ANY_TEXT | RUNS, piece=st.integers(1, 40))
@example(text="x" * 90 + " \n " + "y" * 90, piece=1)
@example(text="! \n  \n" * 40 + "a", piece=1)
@settings(max_examples=300, deadline=None)
def test_cut_in_pieces_a_text_has_the_same_tokens(text: str, piece: int, encoding: str) -> None:
    with small_pieces(piece, 3 * piece, 512):
        counted = TokenCounter().measure(text, encoding)
    assert counted == Counted(tiktokens_own(text, encoding))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    "alphabet", ["ab", "ACGT", "abcdefghijklmnopqrstuvwxyz", "漢字日本語", "-="]
)
def test_a_long_match_merged_in_blocks_has_the_same_tokens(alphabet: str, encoding: str) -> None:
    text = "".join(random.Random(alphabet).choices(alphabet, k=6_000))
    with small_pieces(64, 128, 512):
        assert TokenCounter().measure(text, encoding) == Counted(tiktokens_own(text, encoding))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("unit", [" ", "\n", "\t", "a", "-", "1", "漢", " \n", "ab", "\x00"])
def test_a_wall_of_one_kind_has_the_same_tokens(unit: str, encoding: str) -> None:
    text = "Before. " + unit * 80_001 + "after, and more."
    assert TokenCounter().measure(text, encoding) == Counted(tiktokens_own(text, encoding))


@pytest.mark.parametrize(
    ("unit", "o200k", "cl100k"),
    [(" ", 15_625, 15_625), ("\t", 125_000, 125_000), ("a", 250_000, 250_000)],
)
def test_walls_that_make_tiktoken_panic_or_take_seconds_are_counted_exactly(
    unit: str, o200k: int, cl100k: int
) -> None:
    text = unit * 2_000_000
    counter = TokenCounter()
    assert counter.measure(text, "o200k_base") == Counted(o200k)
    assert counter.measure(text, "cl100k_base") == Counted(cl100k)


def test_ten_megabytes_of_prose_are_the_sum_of_their_lines() -> None:
    line = "The agent reads 17 segments, then (at last) leaves.\n"
    lines = 10_000_000 // len(line)
    expected = lines * tiktokens_own(line, "o200k_base")
    assert TokenCounter().measure(line * lines, "o200k_base") == Counted(expected)


def test_harmony_counts_text_as_o200k_does() -> None:
    text = "<|start|>user<|message|>hello<|end|>"
    assert TokenCounter().count(text, "o200k_harmony") == tiktokens_own(text, "o200k_base")


def test_one_text_counts_differently_in_two_encodings() -> None:
    counter, text = TokenCounter(), "漢字かな交じり文です。" * 20
    assert [counter.count(text, name) for name in ENCODINGS] == [
        tiktokens_own(text, name) for name in ENCODINGS
    ]


def test_what_was_counted_is_not_encoded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[int] = []
    counter = TokenCounter()
    texts = ["a rather long system prompt. " * 10, "another part, as long as the first. " * 900]
    first = counter.count_many(texts, "o200k_base")

    class Watched:
        name = "o200k_base"

        def count_together(self, texts: Sequence[str]) -> list[int]:
            encoded.extend(map(len, texts))
            return [0] * len(texts)

    monkeypatch.setattr("latprobe.tokens.counting._encoder", lambda name: Watched())
    assert (counter.count_many(texts, "o200k_base"), encoded) == (first, [])


def test_the_cache_keeps_no_more_than_its_bytes() -> None:
    counter = TokenCounter(cache_bytes=2_560)
    for number in range(50):
        counter.count(f"{number} " * 100, "o200k_base")
    assert len(counter._known) == 10


def test_threads_share_a_counter() -> None:
    counter = TokenCounter(cache_bytes=2_560)
    texts = [f"text {number} " * 50 for number in range(40)]
    expected = [tiktokens_own(text, "o200k_base") for text in texts]
    got: list[list[int]] = []

    def ask() -> None:
        got.append(counter.count_many(texts, "o200k_base"))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [expected] * 4
