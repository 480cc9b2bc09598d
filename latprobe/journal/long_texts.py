"""Long texts stand behind a frame's marshalled value, as bytes in whatever form CPython holds them.

Marshal would make UTF-8 of them (1 us a kB for Chinese) in a buffer that it enlarges and trims
(0.5 us a kB from 128 kB on). Compiled code copies them where there was a compiler (hatch_build.py).
tests/benchmarks/content.py measures what handing over costs.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable
from typing import Any

from latprobe.journal.text_forms import LONG_TEXT

form: Callable[[str], tuple[str, int, Any] | None]
copy: Callable[[list[Any], Any, int], int]
try:
    from latprobe.journal._texts import copy, form
except ImportError:
    from latprobe.journal.text_forms import copy, form

# Characters from which on a text that is not ASCII costs less behind the value than in it.
SHORTEST = 512
# A lone half of a surrogate pair in UTF-16: earlier versions wrote them so.
_CODECS = {
    "latin-1": "strict",
    "utf-16-le": "surrogatepass",
    "utf-32-le": "surrogatepass",
    "utf-8": "surrogatepass",
}

# (an event's number, None for the span's own attributes; the key; codec; bytes), in order.
_Entry = tuple[int | None, str, str, int]


def pack(attributes: dict[str, Any] | None, rest: tuple[Any, ...] | None) -> bytes:
    """The payload of plain values. Raises ValueError for what marshal refuses."""
    events, links, extra = rest or (None, None, None)
    table: list[_Entry] = []
    pieces: list[Any] = []
    kept = _without(attributes, None, table, pieces)
    if events:
        events = [
            (name, offset, _without(held, number, table, pieces))
            for number, (name, offset, held) in enumerate(events)
        ]
    if pieces:
        return joined([marshal.dumps((kept, events, links, extra, table), 2), *pieces])
    return marshal.dumps(attributes if rest is None else (attributes, *rest), 2)


def pack_apart(attributes: dict[str, Any]) -> list[Any]:
    """What `pack` gives for attributes alone, in pieces for `copy`: to join long texts first is a
    tenth of what handing them over costs."""
    table: list[_Entry] = []
    pieces: list[Any] = []
    kept = _without(attributes, None, table, pieces)
    if not pieces:
        return [marshal.dumps(attributes, 2)]
    return [marshal.dumps((kept, None, None, None, table), 2), *pieces]


def size_of(pieces: list[Any]) -> int:
    """Bytes that they take."""
    size = len(pieces[0])
    for piece in pieces[1:]:
        size += piece[1]
    return size


def joined(pieces: list[Any]) -> bytes:
    """They as one payload."""
    payload = bytearray(size_of(pieces))
    copy(pieces, payload, 0)
    return bytes(payload)


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
    attributes: dict[str, Any] | None, number: int | None, table: list[_Entry], pieces: list[Any]
) -> dict[str, Any] | None:
    """The attributes with None for each long text, which goes to `pieces`."""
    if not attributes:
        return attributes
    kept = attributes.copy()
    for key, value in attributes.items():
        if (
            type(value) is str
            and len(value) >= SHORTEST
            and (len(value) >= LONG_TEXT or not value.isascii())
        ):
            piece = form(value)
            if piece is not None:
                table.append((number, key, piece[0], piece[1]))
                pieces.append(piece)
                kept[key] = None
    return kept
