"""The words that a stage's name is made of."""

from __future__ import annotations

import re
from functools import cache

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@cache
def words(name: str) -> tuple[str, ...]:
    """In lower case: "image.resizeFast" is image, resize, fast. So "catalog" holds no "log"."""
    return tuple(word.lower() for word in _WORD.findall(name))


def is_named(stage: str, subject: str) -> bool:
    """Whether a suggestion's subject has the stage's whole name in it."""
    return re.search(rf"(?<![\w.]){re.escape(stage)}(?![\w.])", subject) is not None


def has_any(name: str, wanted: frozenset[str]) -> bool:
    """Whether one of its words is one of these."""
    return not wanted.isdisjoint(words(name))


def word_set(text: str) -> frozenset[str]:
    """The words of a text with blanks between them."""
    return frozenset(text.split())
