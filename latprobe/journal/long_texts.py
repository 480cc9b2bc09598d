"""Long texts stand behind a frame's marshalled value, as bytes in whatever form CPython holds them.

Marshal would make UTF-8 of them (1 us a kB for Chinese) in a buffer that it enlarges and trims
(0.5 us a kB from 128 kB on). tests/benchmarks/content.py measures what handing over costs.
"""

from __future__ import annotations

import marshal
from codecs import utf_16_le_encode, utf_32_le_encode  # not by name: a look-up each time
from typing import Any
from zlib import crc32

# Characters from which on a text costs less behind the value than in it: of one byte each, which
# marshal copies (ASCII) or makes UTF-8 of (Latin-1); and of two or four bytes (Chinese, emoji).
LONG_TEXT = 4_096
LONG_LATIN_TEXT = 1_024
LONG_WIDE_TEXT = 512
SHORTEST = LONG_WIDE_TEXT
# A payload of more bytes is handed over in pieces: to join them would cost more.
JOINED_BYTES = 32_768
# A lone half of a surrogate pair in UTF-16: earlier versions wrote them so.
_CODECS = {
    "latin-1": "strict",
    "utf-16-le": "surrogatepass",
    "utf-32-le": "surrogatepass",
    "utf-8": "surrogatepass",
}

# (an event's number, None for the span's own attributes; the key; codec; bytes), in order.
_Entry = tuple[int | None, str, str, int]


def copied_form(text: str) -> tuple[str, bytes] | None:
    """(codec, bytes) of a text that costs less behind the value, None where it does not.

    Ask it of SHORTEST characters and more. The bytes are what the interpreter holds, which it
    copies: one a character or two, and four where UTF-8 has nearly as many; UTF-8 for the rest.
    """
    size = len(text)
    if text.isascii():
        return None if size < LONG_TEXT else ("latin-1", text.encode())
    width = text.__sizeof__() / size  # sys.getsizeof takes four times as long
    try:
        if width < 1.5:
            return None if size < LONG_LATIN_TEXT else ("latin-1", text.encode("latin-1"))
        # Some eight of them tell mostly English from what needs width. An odd step, for texts that
        # repeat themselves.
        some = text[:: size >> 3 | 1]
        if not some.isascii():
            if width < 2.5:
                if size < LONG_LATIN_TEXT or _needs(some, 1.5):
                    # Two halves of a pair, apart here, would be read as one letter: refused.
                    return "utf-16-le", utf_16_le_encode(text)[0]
            elif 3.9 < width < 4.5 and _needs(some, 2.5):  # wider: it is held as UTF-8 too
                return "utf-32-le", utf_32_le_encode(text, "surrogatepass")[0]
    except UnicodeEncodeError:  # a half; or an interpreter that holds text in another way
        pass
    return None if size < LONG_TEXT else ("utf-8", text.encode("utf-8", "surrogatepass"))


def _needs(some: str, width: float) -> bool:
    """Whether these characters take more than that many bytes each in UTF-8."""
    return len(some.encode("utf-8", "surrogatepass")) > width * len(some)


def pack(attributes: dict[str, Any] | None, rest: tuple[Any, ...] | None) -> bytes:
    """The payload of plain values. Raises ValueError for what marshal refuses."""
    events, links, extra = rest or (None, None, None)
    table: list[_Entry] = []
    texts: list[bytes] = []
    kept = _without(attributes, None, table, texts)
    if events:
        events = [
            (name, offset, _without(held, number, table, texts))
            for number, (name, offset, held) in enumerate(events)
        ]
    if texts:
        return b"".join([marshal.dumps((kept, events, links, extra, table), 2), *texts])
    return marshal.dumps(attributes if rest is None else (attributes, *rest), 2)


def pack_apart(attributes: dict[str, Any]) -> tuple[bytes, list[bytes] | None]:
    """(what `pack` gives for attributes alone, None), or (its start, all of it in pieces): a copy
    of long texts is a tenth of what handing them over costs."""
    table: list[_Entry] = []
    texts: list[bytes] = []
    kept = _without(attributes, None, table, texts)
    if not texts:
        return marshal.dumps(attributes, 2), None
    start = marshal.dumps((kept, None, None, None, table), 2)
    if len(texts) == 1 and len(texts[0]) < JOINED_BYTES:
        return start + texts[0], None
    return start, [start, *texts]


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
        if type(value) is str and len(value) >= SHORTEST:
            form = copied_form(value)
            if form is not None:
                codec, data = form
                table.append((number, key, codec, len(data)))
                texts.append(data)
                kept[key] = None
    return kept
