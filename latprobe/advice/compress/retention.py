"""What a rewritten text lacks of the original: numbers, negations, names, keys and code.

Likeness of meaning is no proof: "must not exceed" against "must exceed" has a cosine of 0.995.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from latprobe.advice.compress.contract import Check

_NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d.,:/%-]*\d%?|(?<![\w.])\d%?")
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|nothing|neither|nor|without|cannot|unless|except|only|\w+n['\u2019]t|"
    r"nicht|kein\w*|nie|ohne|ne|pas|jamais|sans|ninguna?|nunca|sin)\b",
    re.IGNORECASE,
)
_NAME = re.compile(r"(?<=[^.!?\n] )[A-Z][\w'\u2019-]+|\b[A-Z]{2,}\w*\b")
_KEY = re.compile(r'"([^"\\\n]{1,60})"\s*:|\b([a-z]+(?:_[a-z0-9]+)+|[a-z]+[A-Z]\w+)\b')
_CODE = re.compile(r"`([^`\n]{1,200})`")
_FINDERS = {
    "number": _NUMBER,
    "negation": _NEGATION,
    "name": _NAME,
    "key": _KEY,
    "code": _CODE,
}
_MOST_LISTED = 40


@dataclass(frozen=True, slots=True)
class Retention:
    """How many of each sort the original has and the new text keeps, and which are gone."""

    counts: dict[str, tuple[int, int]]
    lost: tuple[str, ...]

    def check(self, executed: str) -> Check:
        """The same as a compressor's check."""
        kept = tuple(
            f"{kept} of {all_} {sort}s" for sort, (kept, all_) in self.counts.items() if all_
        )
        return Check(executed, kept, self.lost)


def retention(before: str, after: str) -> Retention:
    """What `after` lacks; each time that a thing stands counts."""
    counts, lost = {}, []
    for sort, pattern in _FINDERS.items():
        had = _found(pattern, before)
        gone = had - _found(pattern, after)
        counts[sort] = (had.total() - gone.total(), had.total())
        lost += [f"{sort} {text}" for text in gone.elements()]
    if len(lost) > _MOST_LISTED:
        lost[_MOST_LISTED:] = [f"and {len(lost) - _MOST_LISTED} more"]
    return Retention(counts, tuple(lost))


def _found(pattern: re.Pattern[str], text: str) -> Counter[str]:
    return Counter(
        (found.group(1) or found.group(found.lastindex) if found.lastindex else found.group())
        for found in pattern.finditer(text)
    )
