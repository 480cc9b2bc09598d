"""The words that nearly all answers begin or end with."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

_WORD = re.compile(r"\s*\S+")
# A word goes on with the opening while so many answers have it there.
NEARLY_ALL = 0.8


def shared_start(answers: Sequence[str]) -> str:
    """The text that nearly all answers begin with, in whole words; empty for none."""
    return "".join(_shared([_WORD.findall(answer) for answer in answers]))


def shared_end(answers: Sequence[str]) -> str:
    """The text that nearly all answers end with, in whole words; empty for none."""
    words = [_WORD.findall(answer)[::-1] for answer in answers]
    return "".join(reversed(_shared(words)))


def _shared(answers: Sequence[Sequence[str]]) -> list[str]:
    found: list[str] = []
    left = list(answers)
    least = max(NEARLY_ALL * len(answers), 2)
    while True:
        place = len(found)
        heard = Counter(words[place] for words in left if len(words) > place)
        if not heard:
            return found
        word, times = heard.most_common(1)[0]
        if times < least:
            return found
        found.append(word)
        left = [words for words in left if len(words) > place and words[place] == word]
