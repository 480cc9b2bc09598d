"""Long texts of a span, written as bytes behind its value."""

from __future__ import annotations

import marshal
import random
import zlib
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from latprobe.journal import segment as fmt
from latprobe.journal.heap import decode
from latprobe.journal.long_texts import (
    LONG_LATIN_TEXT,
    LONG_TEXT,
    LONG_WIDE_TEXT,
    SHORTEST,
    copied_form,
    copy_apart,
    pack,
    pack_apart,
)
from latprobe.journal.plain import encode
from latprobe.journal.reader import SegmentReader
from latprobe.journal.segment import FrameType
from tests.journal.building import SegmentBuilder

LETTERS = ("a", "é", "中", "😀", "\ud800", "\x00", "\ud83d\ude00")
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


@pytest.mark.parametrize(
    ("letter", "longest"),
    [
        ("x", LONG_TEXT - 1),
        ("é", LONG_LATIN_TEXT - 1),
        ("中", LONG_WIDE_TEXT - 1),
        ("😀", SHORTEST - 1),
    ],
)
def test_short_texts_are_marshalled_as_ever(letter: str, longest: int) -> None:
    attributes = {"text": letter * longest}
    assert encode(attributes, None) == marshal.dumps(attributes, 2)
    assert copied_form(letter * (longest + 1)) is not None


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("é" * LONG_LATIN_TEXT, "latin-1"),
        ("中" * LONG_WIDE_TEXT, "utf-16-le"),
        ("中\ud800" * LONG_TEXT, "utf-8"),
        ("\ud83d\ude00" * LONG_TEXT, "utf-8"),
        ("Что стоит дороже? " * LONG_TEXT, "utf-16-le"),
        ("“A few words”, he says. " * LONG_TEXT, "utf-8"),
        ("a few words, then " * LONG_TEXT + "\udc00", "utf-8"),
        ("😀" * LONG_WIDE_TEXT, "utf-32-le"),
        ("😀é中" * LONG_TEXT, "utf-32-le"),
        ("😀\ud800" * LONG_TEXT, "utf-32-le"),
        ("a few words, then " * LONG_TEXT + "😀", "utf-8"),
    ],
)
def test_texts_are_copied_as_they_are_held_unless_few_letters_need_it(
    text: str, codec: str
) -> None:
    payload = pack({"k": text}, None)
    assert decode(payload)[0] == {"k": text}
    assert payload.endswith(text.encode(codec, "surrogatepass" if codec != "latin-1" else "strict"))


@given(st.lists(TEXTS, max_size=4))
def test_pieces_are_the_payload(texts: list[str]) -> None:
    attributes: dict[str, Any] = {str(number): text for number, text in enumerate(texts)}
    start, pieces = pack_apart(attributes)
    payload = start if pieces is None else b"".join(pieces)
    assert payload == pack(attributes, None)
    buffer = bytearray(len(payload) + 7)
    assert copy_apart(pieces or [start], buffer, 7) == zlib.crc32(payload)
    assert buffer[7:] == payload


def test_a_damaged_table_is_no_value() -> None:
    for table in ([(None, "k", "latin-1")], [(3, "k", "latin-1", 1)], [(None, "k", "rot13", 1)], 7):
        value = ({"k": None}, None, None, None, table)
        assert decode(marshal.dumps(value, 2) + b"x") is None


@given(st.binary(max_size=200))
def test_any_tail_gives_a_value_or_none(tail: bytes) -> None:
    payload = pack({"k": "中" * LONG_TEXT}, None)
    found = decode(payload[: len(payload) - 2 * LONG_TEXT] + tail)
    assert found is None or isinstance(found[0]["k"], str)


@pytest.mark.parametrize("letter", LETTERS)
@pytest.mark.parametrize("damage", ["a bit of the text", "its end", "its start"])
def test_a_long_text_that_was_damaged_is_found_out(
    tmp_path: Path, letter: str, damage: str
) -> None:
    build = SegmentBuilder(tmp_path / "a.lpj", heap_bytes=256 << 10)
    payload = pack({"k": letter * 20_000}, None)
    build.frame(FrameType.SPAN, 0, payload)
    build.span(flags=fmt.Flag.HAS_FRAME)
    data = bytearray(build.close().read_bytes())
    start = data.index(payload)
    end = start + len(payload)
    if damage == "a bit of the text":
        chance = random.Random(ord(letter[0]))
        data[chance.randrange(end - 20_000, end)] ^= 1 << chance.randrange(8)
    elif damage == "its end":
        data[end - 4_096 : end] = bytes(4_096) if letter != "\x00" else b"x" * 4_096
    else:
        data[start : start + 512] = bytes(512)
    build.path.write_bytes(data)
    taken = SegmentReader(build.path).take(10)
    assert (len(taken.rows), taken.payloads, taken.damaged) == (1, {}, 1)
