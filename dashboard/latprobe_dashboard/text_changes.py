"""What differs between a text and the text it would become, as runs to draw side by side."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Literal

# Comparing costs up to the product of the two lengths: words up to so many, then lines, then not.
MOST_WORDS = 6_000
MOST_LINES = 4_000
# What a browser shows without effort.
SHOWN_CHARS = 20_000

Mark = Literal["same", "removed", "changed"]
By = Literal["words", "lines", "nothing"]
_WORD = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of one text: also in the other, only in this one, or put for something else."""

    mark: Mark
    text: str


@dataclass(frozen=True, slots=True)
class Changes:
    """Both texts in runs; joined, they are the texts up to SHOWN_CHARS.

    `by` is what was compared: "nothing" where the texts are too long for it.
    """

    before: tuple[Run, ...]
    after: tuple[Run, ...]
    by: By


@lru_cache(64)
def changes(before: str, after: str) -> Changes:
    """Which parts of the texts differ."""
    for by, cut, most in (("words", _words, MOST_WORDS), ("lines", _lines, MOST_LINES)):
        first, second = cut(before), cut(after)
        if max(len(first), len(second)) <= most:
            return _compared(first, second, by)  # type: ignore[arg-type]  # one of two literals
    return Changes(_shown([Run("same", before)]), _shown([Run("same", after)]), "nothing")


def _words(text: str) -> list[str]:
    # Longer ones are not cut to the end: their number alone says that there are too many.
    if len(text) > MOST_WORDS * 20:
        return [""] * (MOST_WORDS + 1)
    return _WORD.findall(text)


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _compared(first: Sequence[str], second: Sequence[str], by: By) -> Changes:
    before: list[Run] = []
    after: list[Run] = []
    for tag, a, b, c, d in SequenceMatcher(None, first, second).get_opcodes():
        mark: Mark = "same" if tag == "equal" else "changed" if tag == "replace" else "removed"
        before.append(Run(mark, "".join(first[a:b])))
        after.append(Run(mark, "".join(second[c:d])))
    return Changes(_shown(before), _shown(after), by)


def _shown(runs: Sequence[Run]) -> tuple[Run, ...]:
    return tuple(_cut(runs))


def _cut(runs: Sequence[Run]) -> Iterator[Run]:
    room = SHOWN_CHARS
    for run in runs:
        if not room:
            return
        if run.text:
            yield Run(run.mark, run.text[:room])
            room -= len(run.text[:room])
