"""Long texts of a span, written as bytes behind its value."""

from __future__ import annotations

import marshal
import random
import zlib
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from latprobe.journal import long_texts, text_forms
from latprobe.journal import segment as fmt
from latprobe.journal.heap import decode
from latprobe.journal.long_texts import SHORTEST, joined, pack, pack_apart, size_of
from latprobe.journal.plain import encode
from latprobe.journal.reader import SegmentReader
from latprobe.journal.segment import FrameType
from tests.journal.building import SegmentBuilder

try:
    from latprobe.journal import _texts
except ImportError:
    _texts = None  # type: ignore[assignment]

needs_compiled = pytest.mark.skipif(_texts is None, reason="_texts.c was not compiled here")
both = pytest.mark.parametrize(
    "made_by", [text_forms, pytest.param(_texts, marks=needs_compiled)], ids=["Python", "C"]
)
LETTERS = ("a", "é", "中", "😀", "\ud800", "\x00", "\ud83d\ude00")
TEXTS = st.builds(
    lambda parts: "".join(letter * count for letter, count in parts),
    st.lists(st.tuples(st.sampled_from(LETTERS), st.integers(0, 6_000)), max_size=3),
)
ATTRIBUTES = st.dictionaries(st.text(max_size=3), TEXTS | st.integers() | st.none(), max_size=5)


@pytest.fixture(name="used")
def use(made_by: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What copies long texts in this test."""
    monkeypatch.setattr(long_texts, "form", made_by.form)
    monkeypatch.setattr(long_texts, "copy", made_by.copy)
    return made_by


@both
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(attributes=ATTRIBUTES, held=st.lists(ATTRIBUTES, max_size=3))
def test_what_is_packed_comes_back_whatever_the_letters(
    used: Any, attributes: dict[str, Any], held: list[dict[str, Any]]
) -> None:
    events = [("said", number, each) for number, each in enumerate(held)]
    found = decode(pack(attributes, (events, None, {"k": 1})))
    assert found == (attributes, events, None, {"k": 1})
    assert list(found[0]) == list(attributes)
    assert decode(encode(attributes, (events, None, {"k": 1}))) == found


@both
@pytest.mark.parametrize(
    ("letter", "longest"),
    [("x", text_forms.LONG_TEXT - 1), ("é", SHORTEST - 1), ("中", SHORTEST - 1)],
)
def test_short_texts_are_marshalled_as_ever(used: Any, letter: str, longest: int) -> None:
    attributes = {"text": letter * longest}
    assert encode(attributes, None) == marshal.dumps(attributes, 2)
    assert used.form(letter * (text_forms.LONG_TEXT + 1)) is not None


@both
@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("é", "latin-1"),
        ("中", "utf-16-le"),
        ("中\ud800", "utf-8"),
        ("\ud83d\ude00", "utf-8"),
        ("Что стоит дороже? ", "utf-16-le"),
        ("“A few words”, he says. ", "utf-8"),
        ("a few words, then \udc00", "utf-8"),
        ("😀", "utf-32-le"),
        ("😀é中", "utf-32-le"),
        ("😀\ud800", "utf-32-le"),
        ("a few words, then 😀", "utf-8"),
    ],
)
def test_texts_are_copied_as_they_are_held_unless_few_letters_need_it(
    used: Any, text: str, codec: str
) -> None:
    long = text * text_forms.LONG_TEXT
    payload = pack({"k": long}, None)
    assert decode(payload)[0] == {"k": long}
    assert payload.endswith(long.encode(codec, "surrogatepass" if codec != "latin-1" else "strict"))


@both
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS, max_size=4))
def test_pieces_are_the_payload(used: Any, texts: list[str]) -> None:
    attributes: dict[str, Any] = {str(number): text for number, text in enumerate(texts)}
    pieces = pack_apart(attributes)
    payload = pack(attributes, None)
    assert (joined(pieces), size_of(pieces)) == (payload, len(payload))
    buffer = bytearray(b"-" * (len(payload) + 90))
    assert long_texts.copy(pieces, buffer, 7) == zlib.crc32(payload)
    assert bytes(buffer) == b"-" * 7 + payload + b"-" * 83


SEED = st.integers(0, 1 << 32)
KINDS = (
    "abc ",
    "äöü abc",
    "абв где",
    "“q” abc",
    "🎉 abc",
    "中文字",
    "\ud800\udc00x",
    "\x7f\x80\u07ff\u0800\uffff\U0010ffff",
)


@needs_compiled
@given(st.sampled_from(KINDS), st.integers(0, 1_200), st.integers(0, 200), SEED)
def test_compiled_copies_write_the_text_and_nothing_beside_it(
    letters: str, length: int, ascii_length: int, seed: int
) -> None:
    chance = random.Random(seed)
    text = "".join(chance.choices(letters, k=length)) + "a" * ascii_length
    codec, size, _ = piece = _texts.form(text)
    buffer = bytearray(b"-" * (size + 80))
    checksum = _texts.copy([b"start", piece], buffer, 3)
    written = bytes(buffer[3 : size + 8])
    assert written[5:].decode(codec, long_texts._CODECS[codec]) == text
    assert checksum == zlib.crc32(written)
    assert bytes(buffer[:3] + buffer[size + 8 :]) == b"-" * 75


@needs_compiled
@pytest.mark.parametrize("size_error", [-600, -1, 1, 600])
@pytest.mark.parametrize("letters", KINDS)
def test_compiled_copies_refuse_a_size_that_is_not_the_text_s(
    letters: str, size_error: int
) -> None:
    codec, size, text = _texts.form(letters * 200)
    buffer = bytearray(b"-" * (size + 700))
    with pytest.raises(ValueError, match="bytes that are said"):
        _texts.copy([b"", (codec, size + size_error, text)], buffer, 10)
    assert bytes(buffer[:10] + buffer[10 + size + max(size_error, 0) :]).strip(b"-") == b""


@needs_compiled
def test_compiled_copies_refuse_what_does_not_fit_or_is_no_piece() -> None:
    piece = _texts.form("中" * 600)
    for start in (-1, 101, 5_000):
        with pytest.raises(ValueError, match="do not fit"):
            _texts.copy([piece], bytearray(1_300), start)
    for wrong in ("text", 7, (), ("utf-8", 1, 7), ("rot13", 1, "x"), ("utf-8", "1", "x")):
        with pytest.raises(TypeError):
            _texts.copy([wrong], bytearray(100), 0)
    with pytest.raises((TypeError, BufferError)):
        _texts.copy([piece], b"not to be written", 0)
    with pytest.raises(TypeError):
        _texts.form(b"bytes")  # type: ignore[arg-type]


def test_a_damaged_table_is_no_value() -> None:
    for table in ([(None, "k", "latin-1")], [(3, "k", "latin-1", 1)], [(None, "k", "rot13", 1)], 7):
        value = ({"k": None}, None, None, None, table)
        assert decode(marshal.dumps(value, 2) + b"x") is None


@given(st.binary(max_size=200))
def test_any_tail_gives_a_value_or_none(tail: bytes) -> None:
    payload = pack({"k": "中" * text_forms.LONG_TEXT}, None)
    found = decode(payload[: len(payload) - 2 * text_forms.LONG_TEXT] + tail)
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
