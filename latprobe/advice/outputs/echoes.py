"""Spans of an answer that stand word for word in the prompt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_WORD = re.compile(r"\w+")
# Words in a row that hardly ever stand in two texts by chance.
GRAM_WORDS = 8


@dataclass(frozen=True, slots=True)
class Echo:
    """`start` and `end` are characters of the answer; `words` how many it has."""

    start: int
    end: int
    words: int


class Grams:
    """The word n-grams of texts, in lower case and without punctuation."""

    def __init__(self, texts: Iterable[str], *, words: int = GRAM_WORDS) -> None:
        self.words = words
        self._known: set[tuple[str, ...]] = set()
        for text in texts:
            self._known.update(_grams(words_of(text), words))

    def echoes(self, answer: str, *, least_words: int = GRAM_WORDS) -> list[Echo]:
        """The answer's longest spans of at least so many words whose n-grams are all known."""
        matches = list(_WORD.finditer(answer))
        words = [match.group().lower() for match in matches]
        is_known = [gram in self._known for gram in _grams(words, self.words)]
        found: list[Echo] = []
        at = 0
        while at < len(is_known):
            if not is_known[at]:
                at += 1
                continue
            last = at
            while last + 1 < len(is_known) and is_known[last + 1]:
                last += 1
            count = last - at + self.words
            if count >= least_words:
                start, end = matches[at].start(), matches[last + self.words - 1].end()
                found.append(Echo(start, end, count))
            at = last + self.words
        return found


def apart(echoes: Sequence[Echo]) -> list[Echo]:
    """The echoes in order; of two that overlap the longer one."""
    kept: list[Echo] = []
    for echo in sorted(echoes, key=lambda each: -each.words):
        if all(echo.end <= other.start or other.end <= echo.start for other in kept):
            kept.append(echo)
    return sorted(kept, key=lambda each: each.start)


def cut_out(answer: str, echoes: Sequence[Echo], mark: str = "…") -> str:
    """The answer with a mark for each echo."""
    out, done = [], 0
    for echo in echoes:
        out += [answer[done : echo.start], mark]
        done = echo.end
    return "".join([*out, answer[done:]])


def word_count(text: str) -> int:
    """How many words the text has."""
    return sum(1 for _ in _WORD.finditer(text))


def words_of(text: str) -> list[str]:
    """The words, in lower case and without punctuation."""
    return _WORD.findall(text.lower())


def _grams(words: Sequence[str], size: int) -> list[tuple[str, ...]]:
    return [tuple(words[at : at + size]) for at in range(len(words) - size + 1)]
