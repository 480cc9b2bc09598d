"""Lists of objects inside a JSON value: where they are, and the keys they share in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Record = dict[str, Any]

# Of a table's cells so many may be absent.
_MOST_ABSENT = 0.6


def is_records(value: object, *, fewest: int = 2) -> bool:
    """Whether it is a list of so many objects, none of them empty."""
    return (
        isinstance(value, list)
        and len(value) >= fewest
        and all(isinstance(item, dict) and item for item in value)
    )


def is_table(value: object) -> bool:
    """Whether it is a list of objects that share most of their keys."""
    if not isinstance(value, list) or not is_records(value):
        return False
    cells = sum(len(record) for record in value)
    return cells >= (1 - _MOST_ABSENT) * len(value) * len(merged_keys(value))


def merged_keys(records: Sequence[Record]) -> list[str]:
    """The keys of all records; one that some lack stands behind the key it follows elsewhere."""
    merged = list(records[0])
    known = set(merged)
    shapes = {tuple(record): None for record in records}
    for shape in shapes:
        if known.issuperset(shape):
            continue
        at = 0
        for key in shape:
            if key in known:
                at = merged.index(key) + 1
            else:
                merged.insert(at, key)
                known.add(key)
                at += 1
    return merged


def replace_tables(value: Any, make: Callable[[list[Record]], object]) -> tuple[object, int]:
    """The value with every outermost table as what `make` gives, and how many there were."""
    if is_table(value):
        return make(value), 1
    count = 0
    if isinstance(value, dict):
        made: dict[str, object] = {}
        for key, item in value.items():
            made[key], found = _inner(item, make)
            count += found
        return made, count
    if isinstance(value, list):
        items = []
        for item in value:
            new, found = _inner(item, make)
            items.append(new)
            count += found
        return items, count
    return value, 0


def _inner(item: object, make: Callable[[list[Record]], object]) -> tuple[object, int]:
    return replace_tables(item, make) if isinstance(item, (dict, list)) else (item, 0)


def mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """The value with `change` over every object and list in it, from the outside in; what it
    changed is not gone into."""
    new = change(value)
    if new is not value:
        return new
    if isinstance(value, dict):
        return {key: mapped(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [mapped(item, change) for item in value]
    return value
