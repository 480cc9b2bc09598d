"""AnyValue messages as plain Python values that JSON can say, and back."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue


def plain(value: Any) -> object:
    """The value. Bytes become base64 text, NaN and infinities their name, nothing None."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "double_value":
        number = value.double_value
        return number if math.isfinite(number) else repr(number)
    if kind == "bytes_value":
        return b64encode(value.bytes_value).decode()
    if kind == "array_value":
        return [plain(part) for part in value.array_value.values]
    if kind == "kvlist_value":
        return mapping(value.kvlist_value.values)
    found: object = getattr(value, kind)
    return found


def mapping(pairs: Iterable[Any]) -> dict[str, object]:
    """Attributes as a dict; of a repeated key the last one counts."""
    found: dict[str, object] = {}
    for pair in pairs:
        value = pair.value
        # Reading a field that is not set gives its empty value, for less than asking which is set.
        found[pair.key] = value.string_value or value.int_value or plain(value)
    return found


def key_values(attributes: Mapping[str, object]) -> list[KeyValue]:
    """What `mapping` gave, as messages."""
    return [KeyValue(key=key, value=_any_value(value)) for key, value in attributes.items()]


def _any_value(value: object) -> AnyValue:
    found = AnyValue()
    if isinstance(value, bool):
        found.bool_value = value
    elif isinstance(value, int):
        found.int_value = value
    elif isinstance(value, float):
        found.double_value = value
    elif isinstance(value, str):
        found.string_value = value
    elif isinstance(value, list):
        found.array_value.values.extend(map(_any_value, value))
    elif isinstance(value, Mapping):
        found.kvlist_value.values.extend(key_values(value))
    return found
