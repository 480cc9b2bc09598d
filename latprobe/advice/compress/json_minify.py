"""JSON without blanks, with characters instead of their escapes."""

from __future__ import annotations

from latprobe.advice.compress.contract import Candidate, Check, Context
from latprobe.advice.compress.exact_json import is_same, loads

name = "json_minify"


def candidates(text: str, context: Context) -> list[Candidate]:
    """The JSON, short; none for what is no JSON."""
    if not context.is_json or not is_same(decode(context.minified), context):
        return []
    check = Check("parsed again and equal, with types, key order and the spelling of numbers")
    return [Candidate(context.minified, (name,), "lossless", check, value=context.value)]


def decode(text: str) -> object:
    """The value."""
    return loads(text)
