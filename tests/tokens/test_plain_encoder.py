"""Runs of blanks are counted apart from the text, and it has tiktoken's tokens all the same."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from latprobe.tokens.encoding import load
from latprobe.tokens.plain_encoder import PlainEncoder

# All of Unicode's White_Space, and what Python or an older Unicode takes for it.
WHITE_SPACE = [
    *"\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000",
    *map(chr, range(0x2000, 0x200B)),
]
NEARLY = [*"\x1c\x1d\x1e\x1f\u180e\u200b\ufeff"]
OTHERS = ["B", "'s", "1", "/", "!", ".", "\u0301", "漢", "\u017f", "\ud800", "<|endoftext|>", "|>"]
BLANKS = st.sampled_from([" ", "  ", "\t", "\n", *WHITE_SPACE, *NEARLY])
TEXTS = st.lists(BLANKS | st.sampled_from(OTHERS), max_size=30).map("".join)


def tiktokens_own(text: str) -> int:
    return len(load("o200k_base").encode_ordinary(text))


@given(texts=st.lists(TEXTS, min_size=1, max_size=6))
@example(texts=["def f():\n    return  1\n\n\n", "\t\tx = 1  \n", "  ", " \n  a", "a  "])
@example(texts=["<|end  oftext|>", "<|endoftext|>  a"])
@settings(max_examples=200, deadline=None)
def test_texts_full_of_blanks_have_tiktokens_tokens(texts: list[str]) -> None:
    encoder = PlainEncoder("o200k_base")
    expected = [tiktokens_own(text) for text in texts]
    assert encoder.count_together(texts) == expected
    assert [encoder.count(text) for text in texts] == expected


@pytest.mark.parametrize("blank", [*WHITE_SPACE, *NEARLY])
def test_each_blank_stands_where_the_pattern_has_it(blank: str) -> None:
    texts = [
        f"{before}{blank}{blank}{after}"
        for before in ("", "a", "1", "!", "\n", " ", "\t")
        for after in ("", "b", "2", "?", "\n", " x", "/", "'s")
    ]
    expected = [tiktokens_own(text) for text in texts]
    assert PlainEncoder("o200k_base").count_together(texts) == expected


def test_the_others_encodings_text_is_left_whole() -> None:
    encoder = PlainEncoder("cl100k_base")
    assert encoder.tokenizer is load("cl100k_base")
    assert encoder.count("a   b\n  c") == len(encoder.tokenizer.encode_ordinary("a   b\n  c"))
