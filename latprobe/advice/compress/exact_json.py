"""JSON that keeps what Python's own loses: how a number was spelled, and that a key stood twice.

`1`, `1.0`, `1.00` and `true` differ here, and so do objects with their keys in another order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from latprobe.advice.compress.contract import NO_JSON, Context

# int() refuses longer ones (sys.set_int_max_str_digits), and no model reads them.
_LONGEST_WHOLE = 4_000
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
_string = json.encoder.encode_basestring


class Spelled(float):
    """A number that is not spelled as Python would; a float for everybody else."""

    spelling: str

    def __new__(cls, spelling: str) -> Spelled:
        self = super().__new__(cls, spelling)
        self.spelling = spelling
        return self


class DuplicateKeyError(ValueError):
    """An object has a key twice, of which any reader keeps another one."""


def _fraction(spelling: str) -> float:
    number = float(spelling)
    return number if repr(number) == spelling else Spelled(spelling)


def _whole(spelling: str) -> float:
    if spelling == "-0" or len(spelling) > _LONGEST_WHOLE:
        return Spelled(spelling)
    return int(spelling)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise DuplicateKeyError("an object has a key twice")
    return found


def _constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


_decoder = json.JSONDecoder(
    parse_float=_fraction,
    parse_int=_whole,
    parse_constant=_constant,
    object_pairs_hook=_object,
)


def loads(text: str) -> Any:
    """The value of a JSON text; ValueError for broken JSON, NaN, Infinity, or a key that stands
    twice; RecursionError for one that is nested too deeply."""
    return _decoder.decode(text)


def _loads_noting(text: str) -> tuple[Any, bool]:
    """As `loads`, and whether a number is spelled unlike Python's."""
    spelled: list[float] = []

    def noted(number: float) -> float:
        if type(number) is Spelled:
            spelled.append(number)
        return number

    decoder = json.JSONDecoder(
        parse_float=lambda spelling: noted(_fraction(spelling)),
        parse_int=lambda spelling: noted(_whole(spelling)),
        parse_constant=_constant,
        object_pairs_hook=_object,
    )
    return decoder.decode(text), bool(spelled)


def decode_at(text: str, at: int) -> tuple[Any, int]:
    """The value that begins at a place, and where it ends; raises as `loads`."""
    return _decoder.raw_decode(text, at)


def encode(value: object, *, is_spelled: bool) -> str:
    """The value as short JSON, in characters rather than escapes, where UTF-8 has them."""
    text = "".join(_spell(value)) if is_spelled else _compact(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        return _LONE_SURROGATE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
    return text


def _spell(value: object) -> Iterator[str]:
    if isinstance(value, Spelled):
        yield value.spelling
    elif isinstance(value, dict):
        for number, (key, item) in enumerate(value.items()):
            yield ("," if number else "{") + _string(key) + ":"
            yield from _spell(item)
        yield "}" if value else "{}"
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield "," if number else "["
            yield from _spell(item)
        yield "]" if value else "[]"
    else:
        yield _compact(value)


def is_same(decoded: object, context: Context) -> bool:
    """Whether a decoder gave the context's value back: types, key order and spelling, too."""
    try:
        return bool(decoded == context.value) and (
            encode(decoded, is_spelled=context.is_spelled) == context.minified
        )
    except (RecursionError, ValueError, TypeError):
        return False


def context_of(text: str, *, kind: str = "other", question: str | None = None) -> Context:
    """The context of a text; with NO_JSON where it is no JSON object or list."""
    notes: list[str] = []
    if text.lstrip()[:1] in ("{", "["):
        try:
            value, is_spelled = _loads_noting(text.strip())
            minified = encode(value, is_spelled=is_spelled)
            return Context(value, minified, is_spelled, kind, question, notes)
        except DuplicateKeyError:
            notes.append("an object has a key twice, so that no rewriting of the JSON is lossless")
        except (ValueError, RecursionError):
            pass
    return Context(NO_JSON, "", False, kind, question, notes)


def rewritten(value: object, context: Context) -> Context:
    """The context of a value that a compressor made of the context's."""
    minified = encode(value, is_spelled=context.is_spelled)
    return Context(value, minified, context.is_spelled, context.kind, context.question)
