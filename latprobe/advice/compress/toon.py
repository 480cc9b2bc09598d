"""TOON, the token-oriented notation, by the library `toons` where it is installed."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from latprobe.advice.compress.contract import Candidate, Check, Context
from latprobe.advice.compress.exact_json import is_same
from latprobe.errors import UsageError

name = "toon"


@cache
def is_installed() -> bool:
    """Whether the library is there."""
    return find_spec("toons") is not None


def candidates(text: str, context: Context) -> list[Candidate]:
    """The JSON as TOON; none without the library. TOON has no 1.0: that is near."""
    if not context.is_json or context.is_spelled or not is_installed():
        return []
    toons: Any = import_module("toons")
    try:
        made: str = toons.dumps(context.value)
        made.encode()
        decoded = decode(made)
        is_equal = is_same(decoded, context)
        is_near = is_equal or is_same(_as_fractions(decoded, context.value), context)
    # ToonDecodeError is a ValueError; OverflowError is a number that Rust has no type for.
    except (ValueError, TypeError, OverflowError, RecursionError):
        return []
    if is_equal:
        return [Candidate(made, (name,), "lossless", Check("decoded by toons and equal"))]
    if is_near:
        check = Check("fractions like 1.0 are written 1; decoded by toons, all else is equal")
        return [Candidate(made, (name,), "near", check)]
    return []


def _as_fractions(decoded: Any, value: Any) -> Any:
    """What was decoded with whole numbers as fractions where the value has equal fractions."""
    if type(decoded) is int and type(value) is float and decoded == value:
        return value
    if isinstance(decoded, dict) and isinstance(value, dict):
        return {key: _as_fractions(item, value.get(key)) for key, item in decoded.items()}
    if isinstance(decoded, list) and isinstance(value, list) and len(decoded) == len(value):
        return [_as_fractions(*pair) for pair in zip(decoded, value, strict=True)]
    return decoded


def decode(text: str) -> object:
    """The value; raises UsageError without the library, ValueError for a broken text."""
    if not is_installed():
        raise UsageError("TOON needs a package: pip install 'latprobe[compress]'.")
    found: object = import_module("toons").loads(text)
    return found
