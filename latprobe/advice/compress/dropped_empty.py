"""JSON without keys whose value is null, "", [] or {}: near, since absent and empty may differ."""

from __future__ import annotations

from typing import Any

from latprobe.advice.compress.contract import Candidate, Check, Context
from latprobe.advice.compress.exact_json import encode

name = "json_drop_empty"


def candidates(text: str, context: Context) -> list[Candidate]:
    """The JSON without them; none where there are none."""
    if not context.is_json:
        return []
    dropped: list[str] = []
    value = _without(context.value, dropped)
    if not dropped or _empty(value):
        return []
    # The normalisation over its own result, and over the input again: nothing else may differ.
    if _without(value, []) != value or _without(context.value, []) != value:
        return []
    keys = list(dict.fromkeys(dropped))
    check = Check(
        "keys with null or empty values are absent; all else is equal",
        lost=tuple(f"{key}: {dropped.count(key)} times null or empty" for key in keys[:50]),
    )
    made = encode(value, is_spelled=context.is_spelled)
    return [Candidate(made, (name,), "near", check, value=value)]


def _empty(value: object) -> bool:
    return value is None or (isinstance(value, (str, list, dict)) and not value)


def _without(value: Any, dropped: list[str]) -> Any:
    if isinstance(value, list):
        return [_without(item, dropped) for item in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, item in value.items():
        new = _without(item, dropped)
        if _empty(new):
            dropped.append(key)
        else:
            found[key] = new
    return found
