"""How many fields a request has, counted on the wire before it is parsed.

A parsed message takes memory by its number of parts and not by its bytes: 4 MB of empty spans took
342 MB. Bodies large enough for that to matter are counted first; others are not worth the time.
"""

from __future__ import annotations

COUNTED_FROM_BYTES = 2 << 20
MAX_FIELDS = 1_000_000

# Of each message, which fields are messages themselves.
_KEY_VALUE: dict[int, object] = {}
_ANY_VALUE: dict[int, object] = {6: {1: _KEY_VALUE}}
_ANY_VALUE[5] = {1: _ANY_VALUE}
_KEY_VALUE[2] = _ANY_VALUE
_SPAN: dict[int, object] = {
    9: _KEY_VALUE,
    11: {3: _KEY_VALUE},
    13: {4: _KEY_VALUE},
    15: {},
}
_REQUEST: dict[int, object] = {
    1: {1: {1: _KEY_VALUE}, 2: {1: {3: _KEY_VALUE}, 2: _SPAN}},
}


def has_too_many_fields(body: bytes) -> bool:
    """Whether parsing would take far more memory than the body has bytes. What is no protobuf is
    left to the parser."""
    if len(body) < COUNTED_FROM_BYTES:
        return False
    try:
        return _count(body, MAX_FIELDS) > MAX_FIELDS
    except IndexError:
        return False


def _count(body: bytes, most: int) -> int:
    position, end, count = 0, len(body), 0
    inner: dict[int, object] = _REQUEST
    outer: list[tuple[int, dict[int, object]]] = []
    while count <= most:
        while position >= end:
            if not outer:
                return count
            end, inner = outer.pop()
        count += 1
        tag, position = _varint(body, position)
        kind = tag & 7
        if kind == 0:
            _, position = _varint(body, position)
        elif kind == 2:
            length, position = _varint(body, position)
            message = inner.get(tag >> 3)
            if isinstance(message, dict):
                outer.append((end, inner))
                end, inner = position + length, message
            else:
                position += length
        else:
            position += {1: 8, 5: 4}.get(kind, 0)
    return count


def _varint(body: bytes, position: int) -> tuple[int, int]:
    """(number, position behind it)."""
    byte = body[position]
    if byte < 0x80:
        return byte, position + 1
    number, shift = byte & 0x7F, 7
    while True:
        position += 1
        byte = body[position]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position + 1
        shift += 7
