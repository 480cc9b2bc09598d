"""The passages that fit the question best by BM25; advisory: it keeps the needed one in 2 of 3.

Source of the formula: Robertson and Zaragoza, The Probabilistic Relevance Framework (2009), with
k1 = 1.2 and b = 0.75.
"""

from __future__ import annotations

import math
import re
from collections import Counter

from latprobe.advice.compress.contract import Candidate, Context
from latprobe.advice.compress.retention import retention

name = "passages_bm25"

KEPT_PASSAGES = 4
_K1 = 1.2
_B = 0.75
_WORD = re.compile(r"\w+")
_FEWEST_WORDS = 8
_MOST_CHARACTERS = 500_000


def candidates(text: str, context: Context) -> list[Candidate]:
    """The four best passages, in order; none without a question or with fewer passages."""
    question = context.question
    if context.is_json or not question or len(text) > _MOST_CHARACTERS or question in text:
        return []
    passages = text.split("\n\n")
    words = [Counter(_WORD.findall(passage.lower())) for passage in passages]
    long = [place for place, found in enumerate(words) if found.total() >= _FEWEST_WORDS]
    if len(long) <= KEPT_PASSAGES:
        return []
    scores = bm25(_WORD.findall(question.lower()), [words[place] for place in long])
    ranked = sorted(zip(scores, long, strict=True), key=lambda pair: (-pair[0], pair[1]))
    kept = {place for _, place in ranked[:KEPT_PASSAGES]}
    made = "\n\n".join(p for place, p in enumerate(passages) if place in kept or place not in long)
    executed = f"{len(long) - KEPT_PASSAGES} of {len(long)} passages dropped"
    check = retention(text, made).check(executed)
    return [Candidate(made, (name,), "lossy", check, advisory=True)]


def bm25(query: list[str], passages: list[Counter[str]]) -> list[float]:
    """Each passage's score for the query's words."""
    mean = sum(words.total() for words in passages) / len(passages)
    scores = [0.0] * len(passages)
    for word in set(query):
        holding = sum(word in words for words in passages)
        weight = math.log(1 + (len(passages) - holding + 0.5) / (holding + 0.5))
        for place, words in enumerate(passages):
            times = words[word]
            length = 1 - _B + _B * words.total() / mean
            scores[place] += weight * times * (_K1 + 1) / (times + _K1 * length)
    return scores
