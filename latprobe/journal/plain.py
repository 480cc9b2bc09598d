"""Attribute values reduced to what the journal can hold."""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from latprobe.journal.long_texts import pack

PLAIN = frozenset((str, int, float, bool, type(None), bytes))
all_plain = PLAIN.issuperset
dumps = marshal.dumps
MAX_TEXT = 4096
MAX_DEPTH = 8
MAX_PAYLOAD_BYTES = 16 << 20


def encode(attributes: dict[str, Any] | None, rest: tuple[Any, ...] | None) -> bytes:
    """The payload of a SPAN frame. Over 16 MiB its largest values are cut."""
    if attributes and not all_plain(map(type, attributes.values())):
        attributes = plain_dict(attributes)
    try:
        payload = pack(attributes, rest)
    except ValueError:  # a key of a str subclass, or something unusual inside a list
        attributes, rest = _plain_parts(attributes, rest)
        payload = pack(attributes, rest)
    if len(payload) <= MAX_PAYLOAD_BYTES:
        return payload
    from latprobe.journal.oversize import cut_down

    attributes, rest = _plain_parts(attributes, rest)
    cut = cut_down(attributes, rest, limit_bytes=MAX_PAYLOAD_BYTES)
    return dumps({"latprobe.truncated_bytes": len(payload)}, 2) if cut is None else cut


def _plain_parts(
    attributes: dict[str, Any] | None, rest: tuple[Any, ...] | None
) -> tuple[dict[str, Any] | None, tuple[Any, ...] | None]:
    kept = None if attributes is None else plain_dict(attributes)
    return kept, None if rest is None else tuple(map(_plain_rows, rest))


def _plain_rows(value: Any) -> Any:
    """Events and links are lists of tuples, and read as such."""
    if type(value) is not list:
        return plain(value)
    return [tuple(map(plain, row)) if type(row) is tuple else plain(row) for row in value]


def plain_dict(values: Mapping[Any, Any], depth: int = 0) -> dict[str, Any]:
    """The same mapping with string keys and plain values."""
    return {
        key if type(key) is str else plain_text(key): plain(value, depth)
        for key, value in values.items()
    }


def plain_text(value: Any) -> str:
    """`value` as an exact str: a name or a key."""
    found = plain(value)
    return found if type(found) is str else _text(found)


def plain(value: Any, depth: int = 0) -> Any:
    """`value` itself where the journal can hold it, else the nearest thing that it can.

    numpy scalars become Python numbers, enums their value, other objects their text, cut at
    4,096 characters; an object whose text cannot be had becomes the name of its type.
    """
    if type(value) in PLAIN:
        return value
    if isinstance(value, Enum):
        return plain(value.value, depth + 1)
    if depth >= MAX_DEPTH:
        return _text(value)
    try:
        return _converted(value, depth)
    except Exception:  # the user's own __iter__, item and so on may do anything
        return _text(value)


def _converted(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        return plain_dict(value, depth + 1)
    if isinstance(value, (list, tuple, set, frozenset)):
        return _plain_list(value, depth + 1)
    for kind in (int, float, str, bytes):  # subclasses: enums, numpy's float64 and str_
        if isinstance(value, kind):
            return kind(value)  # type: ignore[arg-type]  # each kind takes a value of itself
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "ndim", None) == 0:
        found = item()
        return found if type(found) in PLAIN else _text(value)
    return _text(value)


def _plain_list(values: Iterable[Any], depth: int) -> list[Any]:
    return [plain(value, depth) for value in values]


def _text(value: Any) -> str:
    try:
        return str(value)[:MAX_TEXT]
    except Exception:  # the user's own __str__ may do anything
        return f"<{type(value).__name__}>"
