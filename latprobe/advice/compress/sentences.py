"""The sentences that say the most; advisory: measured, it loses numbers and negations."""

from __future__ import annotations

import math
import re
from collections import Counter

from latprobe.advice.compress.contract import Candidate, Context
from latprobe.advice.compress.retention import retention

name = "extractive_sentences"

KEPT_SHARE = 0.7
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?]+(?=\s|$)|\n+|$)\s*")
_WORD = re.compile(r"\w{3,}")
_FEWEST = 8
_MOST_CHARACTERS = 200_000


def candidates(text: str, context: Context) -> list[Candidate]:
    """Seven in ten of the sentences, in order; none for less than eight sentences of prose."""
    if context.is_json or len(text) > _MOST_CHARACTERS or context.kind == "system":
        return []
    sentences = _SENTENCE.findall(text)
    prose = [place for place, sentence in enumerate(sentences) if len(_WORD.findall(sentence)) >= 4]
    if len(prose) < _FEWEST or "".join(sentences) != text:
        return []
    words = [Counter(word.lower() for word in _WORD.findall(sentence)) for sentence in sentences]
    holding = Counter(word for found in words for word in found)
    scores = {place: _score(words[place], holding) for place in prose}
    worst = sorted(prose, key=lambda place: (scores[place], place))
    gone = set(worst[: round(len(prose) * (1 - KEPT_SHARE))])
    made = "".join(text for place, text in enumerate(sentences) if place not in gone)
    check = retention(text, made).check(f"{len(gone)} of {len(sentences)} sentences dropped")
    return [Candidate(made, (name,), "lossy", check, advisory=True)]


def _score(words: Counter[str], holding: Counter[str]) -> float:
    """How much of the text's vocabulary a sentence shares, by the root of its length."""
    return sum(math.log1p(holding[word] - 1) for word in words) / math.sqrt(words.total() or 1)
