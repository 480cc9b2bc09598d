"""Attribute mappings as JSON text that DuckDB accepts."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from json.encoder import encode_basestring

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
MAX_DEPTH = 32
MAX_INTEGER = 1 << 64
# A longer text is looked at as a whole, since the encoder goes through it twice, sign by sign.
_LONG_CHARACTERS = 256
_CONTROLS = bytes(range(32))


def json_text(value: object) -> str:
    """`value` as JSON. What JSON cannot say (NaN, bytes, lone surrogates) becomes text."""
    try:
        text = _encode(value)
        text.encode()
    except (ValueError, TypeError, RecursionError):
        return _encode(_representable(value, 0))
    return text


def attributes_json(attributes: Mapping[str, object]) -> str | None:
    """The JSON object, as `json_text` writes it; None for an empty mapping."""
    if not attributes:
        return None
    try:
        text = f"{{{','.join(map(_member, attributes.items()))}}}"
        if not text.isascii():
            text.encode()
    except (ValueError, TypeError, RecursionError):
        return json_text(attributes)
    return text


def _member(item: tuple[str, object]) -> str:
    """A name and its value as JSON. Raises TypeError for a name that is no text."""
    name, value = item
    if type(value) is str:
        said = _quoted(value)
    else:
        said = str(value) if type(value) is int else _encode(value)
    return f"{encode_basestring(name)}:{said}"


def _quoted(text: str) -> str:
    """The text as JSON, in half the encoder's time for one that is long and in ASCII."""
    if len(text) < _LONG_CHARACTERS or not text.isascii():
        return encode_basestring(text)
    data = text.encode()
    if len(data.translate(None, _CONTROLS)) != len(data):
        return encode_basestring(text)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


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
