"""Long keys that stand often, as short ones with a legend.

`{"keys": {"a": "customer_identifier"}, "data": ...}`
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import count, product
from string import ascii_lowercase
from typing import Any

from latprobe.advice.compress.contract import Candidate, Check, Context
from latprobe.advice.compress.exact_json import encode, is_same, loads

name = "json_short_keys"

_FEWEST = 3
_SHORTEST = 6


def candidates(text: str, context: Context) -> list[Candidate]:
    """The JSON with a legend; none where no long key stands three times."""
    if not context.is_json:
        return []
    seen: Counter[str] = Counter()
    _count(context.value, seen)
    long = [key for key, times in seen.items() if times >= _FEWEST and len(key) >= _SHORTEST]
    if not long:
        return []
    names = (text for text in _names() if text not in seen)
    shorter = dict(zip(long, names, strict=False))
    legend = {short: key for key, short in shorter.items()}
    value = {"keys": legend, "data": _renamed(context.value, shorter)}
    made = encode(value, is_spelled=context.is_spelled)
    if not is_same(decode(made), context):
        return []
    check = Check("keys put back by the legend and equal")
    return [Candidate(made, (name,), "lossless", check, value=value)]


def decode(text: str) -> object:
    """The value with its long keys; ValueError without a legend."""
    value = loads(text)
    if not isinstance(value, dict) or value.keys() != {"keys", "data"}:
        raise ValueError("there is no legend of keys")
    return _renamed(value["data"], value["keys"])


def _count(value: Any, seen: Counter[str]) -> None:
    if isinstance(value, dict):
        seen.update(value.keys())
        for item in value.values():
            _count(item, seen)
    elif isinstance(value, list):
        for item in value:
            _count(item, seen)


def _names() -> Iterator[str]:
    """a, b, ... z, aa, ab ..."""
    for length in count(1):
        for letters in product(ascii_lowercase, repeat=length):
            yield "".join(letters)


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {names.get(key, key): _renamed(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    return value
