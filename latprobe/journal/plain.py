"""Attribute values reduced to what the journal can hold."""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Mapping
from typing import Any

PLAIN = frozenset((str, int, float, bool, type(None), bytes))
all_plain = PLAIN.issuperset
dumps = marshal.dumps
MAX_TEXT = 4096
MAX_DEPTH = 8
MAX_PAYLOAD_BYTES = 16 << 20


def encode(attributes: dict[str, Any] | None, rest: tuple[Any, ...] | None) -> bytes:
    """The payload of a SPAN frame. Over 16 MiB it is replaced by a note of its size."""
    if attributes and not all_plain(map(type, attributes.values())):
        attributes = plain_dict(attributes)
    payload = dumps(attributes if rest is None else (attributes, *rest), 2)
    if len(payload) <= MAX_PAYLOAD_BYTES:
        return payload
    return dumps({"latprobe.truncated_bytes": len(payload)}, 2)


def plain_dict(values: Mapping[Any, Any], depth: int = 0) -> dict[str, Any]:
    """The same mapping with string keys and plain values."""
    return {
        key if type(key) is str else str(key): plain(value, depth) for key, value in values.items()
    }


def plain(value: Any, depth: int = 0) -> Any:
    """`value` itself where the journal can hold it, else the nearest thing that it can.

    numpy scalars become Python numbers, enums their value, other objects their text, cut at
    4,096 characters; an object whose text cannot be had becomes the name of its type.
    """
    if type(value) in PLAIN:
        return value
    if depth >= MAX_DEPTH:
        return _text(value)
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
