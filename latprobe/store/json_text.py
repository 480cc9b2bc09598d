"""Attribute mappings as JSON text that DuckDB accepts."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
MAX_DEPTH = 32
MAX_INTEGER = 1 << 64


def json_text(value: object) -> str:
    """`value` as JSON. What JSON cannot say (NaN, bytes, lone surrogates) becomes text."""
    try:
        text = _encode(value)
        text.encode()
    except (ValueError, TypeError, RecursionError):
        return _encode(_representable(value, 0))
    return text


def attributes_json(attributes: Mapping[str, object]) -> str | None:
    """The JSON object, None for an empty mapping."""
    return json_text(attributes) if attributes else None


def _representable(value: object, depth: int) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int):
        return value if abs(value) < MAX_INTEGER else hex(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if depth >= MAX_DEPTH:
        return "(nested too deeply)"
    if isinstance(value, Mapping):
        return {
            str(key).encode("utf-8", "replace").decode(): _representable(item, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_representable(item, depth + 1) for item in value]
    return str(value).encode("utf-8", "replace").decode()
