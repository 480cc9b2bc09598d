"""The value in a text that a question asks for, by kinds of value and shared words."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_VALUE_PATTERNS = {
    "date": rf"\d{{1,2}} (?:{_MONTHS}) \d{{4}}",
    "amount": r"[$€£] ?\d[\d,]*(?:\.\d\d)?",
    "percentage": r"\d+(?:\.\d+)? ?%",
    "reference": r"\b[A-Z]{2,4}-\d[\w-]*",
    "count": r"(?<![$€£\d.,])\b\d+\b(?![.,]\d|%)",
}
_QUESTION_PATTERNS = (
    ("date", r"\bwhen\b|\bdate\b"),
    ("percentage", r"\bper ?cent(age)?\b|\bshare\b"),
    ("count", r"\bhow many\b"),
    ("reference", r"\b(number|reference)\b"),
    ("amount", r"\bhow much\b|\b(amount|total|cost|price|rent|deposit|budget)\b"),
)
_STOP_WORDS = {
    "a", "an", "and", "at", "be", "by", "did", "do", "does", "for", "from", "how", "in", "is",
    "it", "many", "much", "of", "on", "the", "to", "was", "what", "when", "which", "who", "will",
    "with",
}  # fmt: skip
_STEM_LETTERS = 5
"""`payment` and `pay by`, `schedule` and `scheduled` should meet; longer stems part them."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A value, its kind, the line it stands in, the passage's number and the match from 0 to 1."""

    value: str
    kind: str
    evidence: str
    passage: int
    match: float


def kind_of_value(question: str) -> str:
    """The kind of value the question asks for: one of the patterns' names, or `sentence`."""
    for kind, pattern in _QUESTION_PATTERNS:
        if re.search(pattern, question, re.IGNORECASE):
            return kind
    return "sentence"


def find(question: str, *, passages: list[str]) -> Finding | None:
    """The value in the span that shares most words with the question; None where none does."""
    kind, asked = kind_of_value(question), _stems(question)
    findings = [
        finding
        for number, passage in enumerate(passages, 1)
        for span in _spans(passage)
        if (finding := _in_span(span, asked=asked, kind=kind, passage=number))
    ]
    return max(findings, key=lambda finding: (finding.match, -len(finding.evidence)), default=None)


def matches(question: str, *, passages: list[str]) -> list[float]:
    """Of each passage, the share of the question's words that it has."""
    asked = _stems(question)
    return [round(len(asked & _stems(each)) / max(len(asked), 1), 2) for each in passages]


def related(question: str, *, passages: list[str]) -> list[str]:
    """The lines that share a word with the question, each once."""
    asked = _stems(question)
    lines = (line.strip() for passage in passages for line in passage.splitlines())
    return list(dict.fromkeys(line for line in lines if asked & _stems(line)))


def _stems(text: str) -> set[str]:
    words = re.findall(r"[a-z]+", text.lower())
    return {word[:_STEM_LETTERS] for word in words if word not in _STOP_WORDS}


def _spans(passage: str) -> list[str]:
    """Each line, and the passage's sentences, which run on over line ends."""
    lines = [line.strip() for line in passage.splitlines() if line.strip()]
    return lines + re.split(r"(?<=[.!?])\s+(?=[A-Z])", " ".join(lines))


def _in_span(span: str, *, asked: set[str], kind: str, passage: int) -> Finding | None:
    match = len(asked & _stems(span)) / max(len(asked), 1)
    value = span if kind == "sentence" else _nearest(_VALUE_PATTERNS[kind], span, asked=asked)
    if value is None or match == 0:
        return None
    return Finding(value, kind, span, passage, match)


def _nearest(pattern: str, span: str, *, asked: set[str]) -> str | None:
    """The value closest to a word of the question, one after the word before one ahead of it."""
    word_ends = [
        word.end()
        for word in re.finditer(r"[A-Za-z]+", span)
        if word.group().lower()[:_STEM_LETTERS] in asked
    ]
    values = list(re.finditer(pattern, span))
    if not values or not word_ends:
        return None

    def distance(value: re.Match[str]) -> int:
        return min(abs(value.start() - end) + (1000 if value.start() < end else 0)
                   for end in word_ends)  # fmt: skip

    return min(values, key=distance).group()
