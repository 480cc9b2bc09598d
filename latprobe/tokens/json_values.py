"""JSON as it comes from strangers: read without raising, written compactly."""

from __future__ import annotations

import json
import re
from ast import literal_eval
from collections.abc import Mapping

# Of a Python literal that is read; its syntax tree takes many times the memory of the text.
MAX_LITERAL = 1 << 18
# Blanks before JSON, and the mark that Windows puts at the start of a text.
_BLANKS = " \t\r\n\v\f\ufeff"
_LITERAL = re.compile(r"[\s\ufeff]*(\[\s*)*(\{\s*)?'")

_scan = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # typeshed leaves it out
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode


class BrokenJson:
    """Stands for a text that is no JSON, or JSON whose end is missing."""


BROKEN = BrokenJson()


def compact(value: object) -> str:
    """`value` as JSON without spaces; a text that says so where it is nested without end."""
    try:
        return _encode(value)
    except (RecursionError, ValueError, TypeError):
        return f"[{type(value).__name__} that JSON cannot say]"


def as_text(value: object) -> str:
    """A text as it is, None as "", anything else as JSON."""
    if isinstance(value, str):
        return value
    return "" if value is None else compact(value)


def parsed(text: str) -> object:
    """The value of a JSON text, BROKEN where it is none."""
    try:
        return read_json(text)
    except (ValueError, RecursionError):
        return BROKEN


def read_json(text: str) -> object:
    """As `json.loads`, in half the time for a text without blanks around it."""
    try:
        found: object
        found, end = _scan(text, 0)
    except StopIteration:
        return json.loads(text)
    return found if end == len(text) else json.loads(text)


def looks_like_json(text: str) -> bool:
    """Whether a text begins as a JSON object or list does."""
    return text.lstrip(_BLANKS)[:1] in ("{", "[")


def unwrapped(value: object) -> object:
    """The value of a text that holds a JSON object or list; BROKEN if cut off; else `value`.

    What Python's `str` makes of a list or an object, as some programs record it, is read too.
    """
    if not isinstance(value, str) or not looks_like_json(value):
        return value
    found = parsed(value.lstrip("\ufeff"))
    if found is BROKEN and len(value) <= MAX_LITERAL and _LITERAL.match(value):
        return _literal(value)
    return found


def _literal(text: str) -> object:
    """The value of a Python literal as JSON would have it, BROKEN where it has none."""
    try:
        found: object = json.loads(json.dumps(literal_eval(text.strip(_BLANKS))))
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return BROKEN
    return found


def text_at(mapping: Mapping[str, object], *names: str) -> str | None:
    """The first of the names that holds a non-empty text."""
    for name in names:
        value = mapping.get(name)
        if isinstance(value, str) and value:
            return value
    return None


def first_at(mapping: Mapping[str, object], *names: str) -> object:
    """What the first of the names holds that is there and not None."""
    for name in names:
        value = mapping.get(name)
        if value is not None:
            return value
    return None


def mapping_at(mapping: Mapping[str, object], *names: str) -> Mapping[str, object]:
    """The first of the names that holds an object; an empty one if none does."""
    for name in names:
        value = mapping.get(name)
        if isinstance(value, (dict, Mapping)):
            return value
    return {}


def list_at(mapping: Mapping[str, object], *names: str) -> list[object]:
    """The first of the names that holds a list; one object or text counts as a list of it."""
    value = first_at(mapping, *names)
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]
