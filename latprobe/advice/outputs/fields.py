"""Fields of parsed answers by their paths: "total", "items[].price"."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any


def paths(value: Any, under: str = "") -> Iterator[str]:
    """Each field's path, an object's before those inside it; paths may repeat."""
    if isinstance(value, dict):
        for key, item in value.items():
            path = f"{under}.{key}" if under else str(key)
            yield path
            yield from paths(item, path)
    elif isinstance(value, list):
        for item in value:
            yield from paths(item, f"{under}[]")


def without(value: Any, dropped: Collection[str], under: str = "") -> Any:
    """The value without the fields at these paths."""
    if isinstance(value, dict):
        kept = {}
        for key, item in value.items():
            path = f"{under}.{key}" if under else str(key)
            if path not in dropped:
                kept[key] = without(item, dropped, path)
        return kept
    if isinstance(value, list):
        return [without(item, dropped, f"{under}[]") for item in value]
    return value


def leaves(value: Any, under: str = "") -> Iterator[tuple[str, Any]]:
    """Each value that is no object or list, with the path of its field."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{under}.{key}" if under else str(key))
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, f"{under}[]")
    else:
        yield under, value


def replaced(value: Any, path: str, codes: dict[str, str], under: str = "") -> Any:
    """The value with the texts at one path written as their codes."""
    if isinstance(value, dict):
        return {
            key: replaced(item, path, codes, f"{under}.{key}" if under else str(key))
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [replaced(item, path, codes, f"{under}[]") for item in value]
    return codes.get(value, value) if under == path and isinstance(value, str) else value
