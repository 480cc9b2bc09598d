"""How far an answer agrees with the recorded one: which of its fields are equal, and its schema.

An answer that is JSON is compared field by field. A text is compared by its words and their
neighbours, and by the numbers, negations, names, keys and code that it holds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from latprobe.advice.compress.retention import retention

TEXT = "text"
# Chinese and Japanese put no blanks between words: there each character counts as one.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\s\u3040-\u30ff\u3400-\u9fff]+")


@dataclass(frozen=True, slots=True)
class Score:
    """`fields`: the recorded answer's, each with the share of it that is there again.

    `is_valid`: the answer has the schema of the recorded ones; None for answers that are no JSON.
    """

    fields: Mapping[str, float]
    is_valid: bool | None

    @property
    def share(self) -> float:
        """Of all fields, 0..1."""
        return sum(self.fields.values()) / len(self.fields)


@dataclass(frozen=True, slots=True)
class Schema:
    """What all of the recorded JSON answers have: paths with the types that stand there.

    `required` stand in each of them. Items of lists count as one path, which none requires.
    """

    types: Mapping[str, frozenset[str]]
    required: frozenset[str]

    @classmethod
    def of(cls, values: Sequence[Any]) -> Schema:
        """Learnt from the recorded answers."""
        types: dict[str, set[str]] = {}
        required: set[str] | None = None
        for value in values:
            found = dict(_types(value, ""))
            for path, kinds in _gathered(value).items():
                types.setdefault(path, set()).update(kinds)
            always = {path for path in found if "[]" not in path}
            required = always if required is None else required & always
        return cls(
            {path: frozenset(kinds) for path, kinds in types.items()}, frozenset(required or ())
        )

    def fits(self, value: Any) -> bool:
        """Whether it has all that is required, and nothing that was never there."""
        found = _gathered(value)
        return self.required <= found.keys() and all(
            kinds <= self.types.get(path, frozenset()) for path, kinds in found.items()
        )


@dataclass(frozen=True, slots=True)
class Absent:
    """In place of an answer that could not be read."""


ABSENT = Absent()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Compares with recorded answers. `schema` None: they are texts."""

    schema: Schema | None = field(default=None)

    def score(self, recorded: Any, answer: Any) -> Score:
        """The answer beside the recorded one; both values, or both texts."""
        if self.schema is None:
            return Score({TEXT: _text_share(recorded, answer)}, None)
        if isinstance(answer, Absent):
            return Score(dict.fromkeys(fields_of(recorded), 0.0), False)
        again = fields_of(answer)
        found = {
            path: float(path in again and _same(value, again[path]))
            for path, value in fields_of(recorded).items()
        }
        return Score(found, self.schema.fits(answer))


def fields_of(value: Any) -> dict[str, Any]:
    """The fields of a JSON value by path; a list is one field, and so is a value without any."""
    return dict(_fields(value, "")) or {"": value}


def _fields(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _fields(item, f"{path}.{key}" if path else key)
    elif path:
        yield path, value


def _same(one: Any, other: Any) -> bool:
    """Equal, whatever the blanks in texts and the spelling of numbers."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return one == other
    if isinstance(one, str) and isinstance(other, str):
        return one.split() == other.split()
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return type(one) is type(other) and bool(one == other)


def _text_share(recorded: Any, answer: Any) -> float:
    if not isinstance(answer, str) or not isinstance(recorded, str):
        return 0.0
    if recorded.split() == answer.split():
        return 1.0
    words = _words_share(recorded, answer)
    counts = retention(recorded, answer).counts.values()
    had = sum(all_ for _, all_ in counts)
    # A lost "not" is one word of many, and words may all change around the same numbers.
    return min(words, sum(kept for kept, _ in counts) / had) if had else words


def _words_share(recorded: str, answer: str) -> float:
    """Words and pairs of neighbours that both have, of those of the longer one."""
    had, has = _words(recorded), _words(answer)
    most = max(had.total(), has.total())
    return (had & has).total() / most if most else 1.0


def _words(text: str) -> Counter[tuple[str, ...]]:
    words = _WORD.findall(text)
    return Counter([*((word,) for word in words), *pairwise(words)])


def _gathered(value: Any) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path, kind in _types(value, ""):
        found.setdefault(path, set()).add(kind)
    return found


def _types(value: Any, path: str) -> Iterator[tuple[str, str]]:
    yield path, _type(value)
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _types(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for item in value:
            yield from _types(item, f"{path}[]")


def _type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return type(value).__name__
