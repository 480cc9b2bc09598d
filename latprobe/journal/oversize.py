"""A span whose attributes and events are more than a frame holds: the largest values are cut.

Which, and how many bytes they had, says the attribute `latprobe.truncated`, a JSON object. A text
is cut at its end; any other value leaves its size only.
"""

from __future__ import annotations

import json
import marshal
from collections.abc import Iterator
from typing import Any

TRUNCATED = "latprobe.truncated"
# Kept of each value that is cut, however little room there is for it.
LEAST_BYTES = 1_024

# Where a value stands: its dict and key, and what it is called there.
_Place = tuple[dict[str, Any], str, str]


def cut_down(
    attributes: dict[str, Any] | None, rest: tuple[Any, ...] | None, *, limit_bytes: int
) -> bytes | None:
    """The payload within the limit, None where many small values fill it. The arguments hold plain
    values, and stay as they are."""
    attributes = dict(attributes or {})
    if rest is not None:
        rest = (_copied(rest[0]), *rest[1:])
    places = [(_bytes_of(d[key]), (d, key, name)) for d, key, name in _places(attributes, rest)]
    sizes = [size for size, _ in places]
    total = len(_dumped(attributes, rest))
    most = _most_bytes(sizes, limit_bytes - (total - sum(sizes)) - 64 * len(places))
    if most < LEAST_BYTES:
        return None
    lost = {}
    for size, (holder, key, name) in places:
        if size > most:
            holder[key] = _cut(holder[key], size, most)
            lost[name] = size
    attributes[TRUNCATED] = json.dumps(lost)
    payload = _dumped(attributes, rest)
    return payload if len(payload) <= limit_bytes else None


def _copied(events: Any) -> Any:
    """Events whose attributes can be replaced."""
    if not events:
        return events
    return [(name, offset, attributes and dict(attributes)) for name, offset, attributes in events]


def _places(attributes: dict[str, Any], rest: tuple[Any, ...] | None) -> Iterator[_Place]:
    for key in attributes:
        yield attributes, key, key
    for name, _, held in (rest[0] if rest else None) or ():
        for key in held or ():
            yield held, key, f"{name}/{key}"


def _most_bytes(sizes: list[int], room: int) -> int:
    """The size to cut the larger values to, so that all of them together fit into `room`."""
    left = sorted(sizes)
    for done, size in enumerate(left):
        share = room // (len(left) - done)
        if size > share:
            return share
        room -= size
    return max([room, *left])  # they fit as they are


def _bytes_of(value: Any) -> int:
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "surrogatepass"))
    return len(value) if isinstance(value, bytes) else len(marshal.dumps(value, 2))


def _cut(value: Any, size: int, most: int) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")[:most].decode("utf-8", "ignore")
    return value[:most] if isinstance(value, bytes) else {"bytes": size}


def _dumped(attributes: dict[str, Any], rest: tuple[Any, ...] | None) -> bytes:
    return marshal.dumps(attributes if rest is None else (attributes, *rest), 2)
