"""Long texts stand behind a frame's marshalled value, as bytes in whatever form CPython holds them.

Marshal would make UTF-8 of them (1 us a kB for Chinese) in a buffer that it enlarges and trims
(0.5 us a kB from 128 kB on). tests/benchmarks/content.py measures what handing over costs.
"""

from __future__ import annotations

import marshal
from codecs import utf_16_le_encode, utf_32_le_encode  # not by name: a look-up each time
from sys import getsizeof
from typing import Any
from zlib import crc32

# A shorter text costs less where it is. It pays sooner for two bytes a character (Chinese) and for
# emoji, which become UTF-8 slowest.
LONG_TEXT = 4_096
LONG_WIDE_TEXT = 1_536
SHORTEST = 512
_CODECS = {
    "latin-1": "strict",
    "utf-16-le": "surrogatepass",
    "utf-32-le": "surrogatepass",
    "utf-8": "surrogatepass",
}
# Characters looked at to tell a text of emoji from one with a few of them.
_LOOKS = 64

# (an event's number, None for the span's own attributes; the key; codec; bytes), in order.
_Entry = tuple[int | None, str, str, int]


def is_long(text: str) -> bool:
    """Whether it costs less behind the value. Ask it of SHORTEST characters and more."""
    size = len(text)
    if size >= LONG_TEXT:
        return True
    if size < SHORTEST or text.isascii():
        return False
    width = getsizeof(text) / size
    return (size >= LONG_WIDE_TEXT and 1.5 < width < 2.5) or _is_dense(text, width)


def has_long_text(attributes: dict[str, Any] | None) -> bool:
    """Whether some value is a text that is_long."""
    for value in (attributes or {}).values():
        if type(value) is str and len(value) >= SHORTEST and is_long(value):
            return True
    return False


def pack(attributes: dict[str, Any] | None, rest: tuple[Any, ...] | None) -> bytes:
    """The payload of plain values. Raises ValueError for what marshal refuses."""
    events, links, extra = rest or (None, None, None)
    table: list[_Entry] = []
    texts: list[bytes] = []
    attributes = _without(attributes, None, table, texts)
    if events:
        events = [
            (name, offset, _without(held, number, table, texts))
            for number, (name, offset, held) in enumerate(events)
        ]
    return b"".join([marshal.dumps((attributes, events, links, extra, table), 2), *texts])


def pack_apart(attributes: dict[str, Any]) -> list[bytes]:
    """What `pack` joins, of attributes alone: a copy of long texts is a tenth of what handing them
    over costs."""
    table: list[_Entry] = []
    pieces = [b""]
    kept = _without(attributes, None, table, pieces)
    pieces[0] = marshal.dumps((kept, None, None, None, table), 2)
    return pieces


def copy_apart(pieces: list[bytes], buffer: Any, start: int) -> int:
    """Copies the pieces one behind the other to `start`; gives their checksum together."""
    checksum = 0
    for piece in pieces:
        end = start + len(piece)
        buffer[start:end] = piece
        checksum = crc32(piece, checksum)
        start = end
    return checksum


def unpack(value: tuple[Any, ...], payload: bytes) -> tuple[Any, ...] | None:
    """(attributes, events, links, extra) of what `pack` wrote; None where that is damaged.

    `value` is the marshalled start of `payload`.
    """
    attributes, events, links, extra, table = value
    position = len(payload)
    try:
        for number, key, codec, size in reversed(table):
            text = payload[position - size : position].decode(codec, _CODECS[codec])
            position -= size
            holder = attributes if number is None else events[number][2]
            holder[key] = text
    except (ValueError, TypeError, LookupError, AttributeError):
        return None
    return attributes, events, links, extra


def _without(
    attributes: dict[str, Any] | None, number: int | None, table: list[_Entry], texts: list[bytes]
) -> dict[str, Any] | None:
    """The attributes with None for each long text, which goes to `texts`."""
    if not attributes:
        return attributes
    kept = attributes.copy()
    for key, value in kept.items():
        if type(value) is str and len(value) >= SHORTEST and is_long(value):
            codec, data = _encoded(value)
            table.append((number, key, codec, len(data)))
            texts.append(data)
            kept[key] = None
    return kept


def _encoded(text: str) -> tuple[str, bytes]:
    """(codec, bytes), in what the interpreter copies: one byte a character or two, and four where
    UTF-8 has nearly as many. UTF-8 for the rest, which it may hold already."""
    if text.isascii():
        return "latin-1", text.encode()
    width = getsizeof(text) / len(text)
    try:
        if width < 1.5:
            return "latin-1", text.encode("latin-1")
        if width < 2.5:
            return "utf-16-le", utf_16_le_encode(text, "surrogatepass")[0]
        if _is_dense(text, width):
            return "utf-32-le", utf_32_le_encode(text, "surrogatepass")[0]
    except UnicodeEncodeError:  # an interpreter that holds text in another way
        pass
    return "utf-8", text.encode("utf-8", "surrogatepass")


def _is_dense(text: str, width: float) -> bool:
    """Whether it is held in four bytes a character and needs them: mostly emoji. A copy of those
    takes a fifth of the time in which they become UTF-8. A text that is held as UTF-8 too is wider.
    """
    if not 3.9 < width < 4.5:
        return False
    seen = text[:: len(text) // _LOOKS]
    return len(seen.encode("utf-8", "surrogatepass")) > 2.5 * len(seen)
