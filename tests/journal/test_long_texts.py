"""Long texts of a span, written as bytes behind its value."""

from __future__ import annotations

import marshal
from typing import Any

import hypothesis.strategies as st
from hypothesis import given

from latprobe.journal.heap import decode
from latprobe.journal.long_texts import LONG_TEXT, has_long_text, pack
from latprobe.journal.plain import encode

LETTERS = ("a", "é", "中", "😀", "\ud800", "\x00")
TEXTS = st.builds(
    lambda parts: "".join(letter * count for letter, count in parts),
    st.lists(st.tuples(st.sampled_from(LETTERS), st.integers(0, 6_000)), max_size=3),
)
ATTRIBUTES = st.dictionaries(st.text(max_size=3), TEXTS | st.integers() | st.none(), max_size=5)


@given(ATTRIBUTES, st.lists(ATTRIBUTES, max_size=3))
def test_what_is_packed_comes_back_whatever_the_letters(
    attributes: dict[str, Any], held: list[dict[str, Any]]
) -> None:
    events = [("said", number, each) for number, each in enumerate(held)]
    found = decode(pack(attributes, (events, None, {"k": 1})))
    assert found == (attributes, events, None, {"k": 1})
    assert list(found[0]) == list(attributes)
    assert decode(encode(attributes, (events, None, {"k": 1}))) == found


def test_short_texts_are_marshalled_as_ever() -> None:
    attributes = {"text": "x" * (LONG_TEXT - 1)}
    assert not has_long_text(attributes)
    assert encode(attributes, None) == marshal.dumps(attributes, 2)


def test_a_damaged_table_is_no_value() -> None:
    for table in ([(None, "k", "latin-1")], [(3, "k", "latin-1", 1)], [(None, "k", "rot13", 1)], 7):
        value = ({"k": None}, None, None, None, table)
        assert decode(marshal.dumps(value, 2) + b"x") is None


@given(st.binary(max_size=200))
def test_any_tail_gives_a_value_or_none(tail: bytes) -> None:
    payload = pack({"k": "中" * LONG_TEXT}, None)
    found = decode(payload[: len(payload) - 2 * LONG_TEXT] + tail)
    assert found is None or isinstance(found[0]["k"], str)
