"""Long texts that stand often in a JSON (UUIDs, hashes, addresses) as `#1`, `#2` with a map.

With the map in the text it is lossless. With the map kept aside (the caller puts the long ones back
into the model's answer) it is near, and every UUID becomes short, also one that stands once.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from latprobe.advice.compress.contract import Candidate, Check, Context
from latprobe.advice.compress.exact_json import encode, is_same, loads

name = "json_short_ids"

_FEWEST = 2
_SHORTEST = 12
_LONGEST_DUPLICATE = 4_000
_ID = re.compile(r"[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}|[0-9a-fA-F]{24,64}")


def candidates(text: str, context: Context) -> list[Candidate]:
    """The JSON with its map inside, and with it aside; none where nothing long stands often."""
    if not context.is_json:
        return []
    seen = Counter(
        item for item in _texts(context.value) if _SHORTEST <= len(item) <= _LONGEST_DUPLICATE
    )
    repeated = [item for item, times in seen.items() if times >= _FEWEST]
    ids = [item for item in seen if _ID.fullmatch(item)]
    found = []
    if repeated:
        found += _inside(_numbered(repeated), context)
    if ids:
        found += _aside(_numbered(ids), context)
    return found


def decode(text: str) -> object:
    """The value with its long texts; ValueError without a map."""
    value = loads(text)
    if not isinstance(value, dict) or value.keys() != {"ids", "data"}:
        raise ValueError("there is no map of ids")
    return _replaced(value["data"], value["ids"])


def put_back(text: str, aside: Mapping[str, str]) -> str:
    """A model's answer with the long texts in place of their short names."""
    return _SHORT.sub(lambda found: aside.get(found.group(), found.group()), text)


_SHORT = re.compile(r"#\d+")


def _numbered(texts: list[str]) -> dict[str, str]:
    return {text: f"#{number}" for number, text in enumerate(texts, 1)}


def _inside(names: dict[str, str], context: Context) -> list[Candidate]:
    ids = {short: text for text, short in names.items()}
    value = {"ids": ids, "data": _replaced(context.value, names)}
    made = encode(value, is_spelled=context.is_spelled)
    if not is_same(decode(made), context):
        return []
    check = Check("long texts put back by the map and equal")
    return [Candidate(made, (name,), "lossless", check, value=value)]


def _aside(names: dict[str, str], context: Context) -> list[Candidate]:
    aside = {short: text for text, short in names.items()}
    value = _replaced(context.value, names)
    if not is_same(_replaced(value, aside), context):
        return []
    check = Check(
        f"{len(aside)} identifiers stand as #1 to #{len(aside)}; put back by the map that is kept "
        "aside, the JSON is equal"
    )
    made = encode(value, is_spelled=context.is_spelled)
    return [Candidate(made, (f"{name}_aside",), "near", check, value=value, aside=aside)]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _replaced(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, dict):
        return {key: _replaced(item, names) for key, item in value.items()}
    return [_replaced(item, names) for item in value] if isinstance(value, list) else value
