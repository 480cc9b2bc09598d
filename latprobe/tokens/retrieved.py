"""Known texts (retrieved documents, marked parts) cut out of the prompt's other parts."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from latprobe.tokens.part import INPUT_KINDS, MEDIA_KINDS, Dissected, Part, cut_out
from latprobe.tokens.text_blocks import past_line_ends

# A text shorter than this is only taken where no letter or digit touches it.
_SHORT_CHARACTERS = 16
_SHORTEST = 3
# More texts than this are no retrieval's; looking for all of them in all prompts takes its time.
_MOST_KNOWN = 2_000

_WORD = re.compile(r"\S+")

Span = tuple[int, int, str]


def split_known(dissected: Dissected, known: Sequence[tuple[str, str]]) -> Dissected:
    """The same with every occurrence of a known (kind, text) as a part of that kind.

    The longest come first; found as they are, as JSON writes them inside a tool's result, or else
    with other blanks between their words. Joined, a part's pieces are its text again.
    """
    wanted = _wanted(known)
    if not wanted:
        return dissected
    parts: list[Part] = []
    for part in dissected.parts:
        parts += _split(part, wanted)
    if len(parts) == len(dissected.parts) and tuple(parts) == dissected.parts:
        return dissected
    return replace(dissected, parts=tuple(parts))


@dataclass(frozen=True, slots=True)
class _Known:
    """A text to look for. Where its longest word is missing, it is missing in any spacing."""

    kind: str
    text: str
    probe: str
    is_escaped: bool


def _wanted(known: Sequence[tuple[str, str]]) -> list[_Known]:
    """The texts, stripped, each once, the longest first."""
    found: dict[str, str] = {}
    for kind, text in known:
        stripped = text.strip()
        if len(stripped) >= _SHORTEST and kind not in MEDIA_KINDS:
            found.setdefault(stripped, kind if kind in INPUT_KINDS else "other")
    ordered = sorted(found.items(), key=lambda item: len(item[0]), reverse=True)
    return [
        _Known(kind, text, max(text.split(), key=len), any(mark in text for mark in '\n"\\'))
        for text, kind in ordered[:_MOST_KNOWN]
    ]


def _split(part: Part, wanted: Sequence[_Known]) -> list[Part]:
    if part.text is None or part.side != "input" or part.kind == "tools":
        return [part]
    spans = _claimed(part.text, wanted)
    if not spans:
        return [part]
    found = _cut(part, part.text, spans)
    if part.is_cut:
        found[-1] = found[-1]._replace(is_cut=True)
    return found


def _claimed(text: str, wanted: Sequence[_Known]) -> list[Span]:
    """Where known texts stand, in order; no two overlap."""
    taken = _Taken()
    words: _Words | None = None
    for known in wanted:
        if len(known.text) > 2 * len(text):
            continue
        found = _take(taken, _occurrences(text, known.text), known.kind)
        if not found and known.is_escaped and "\\" in text:
            escaped = json.dumps(known.text, ensure_ascii=False)[1:-1]
            found = _take(taken, _occurrences(text, escaped), known.kind)
        if not found and len(known.text) >= _SHORT_CHARACTERS and known.probe in text:
            words = words or _Words(text)
            _take(taken, words.occurrences(known.text), known.kind)
    return taken.spans


def _take(taken: _Taken, spans: Iterator[tuple[int, int]], kind: str) -> bool:
    """Whether there was an occurrence, free or not."""
    found = False
    for start, end in spans:
        found = True
        taken.add(start, end, kind)
    return found


def _occurrences(text: str, known: str) -> Iterator[tuple[int, int]]:
    at = text.find(known)
    while at >= 0:
        end = at + len(known)
        if len(known) >= _SHORT_CHARACTERS or _is_free(text, at, end):
            yield at, end
        at = text.find(known, end)


def _is_free(text: str, start: int, end: int) -> bool:
    before = text[start - 1 : start] if start else ""
    return not (before.isalnum() or text[end : end + 1].isalnum())


class _Taken:
    """Stretches of a text, in order."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def add(self, start: int, end: int, kind: str) -> None:
        """Takes the stretch unless one that is taken overlaps it."""
        place = bisect_right(self.spans, start, key=lambda span: span[0])
        if place and self.spans[place - 1][1] > start:
            return
        if place < len(self.spans) and self.spans[place][0] < end:
            return
        self.spans.insert(place, (start, end, kind))


class _Words:
    """A text with single blanks between its words, and where each word stood."""

    def __init__(self, text: str) -> None:
        self._starts: list[int] = []
        self._places: list[int] = []
        pieces = []
        at = 0
        for match in _WORD.finditer(text):
            pieces.append(match.group())
            self._starts.append(match.start())
            self._places.append(at)
            at += len(pieces[-1]) + 1
        self._joined = " ".join(pieces)

    def occurrences(self, known: str) -> Iterator[tuple[int, int]]:
        """Where the words of `known` stand in a row, as places in the text itself."""
        joined = " ".join(known.split())
        for start, end in _occurrences(self._joined, joined):
            yield self._place(start), self._place(end - 1) + 1

    def _place(self, at: int) -> int:
        word = bisect_right(self._places, at) - 1
        return self._starts[word] + at - self._places[word]


def _cut(part: Part, text: str, spans: Sequence[Span]) -> list[Part]:
    """The part's pieces; blank lines after a known text stay with it, a space before it too: no
    token reaches over such places."""
    found: list[Part] = []
    at = 0
    nexts = [start for start, _, _ in spans[1:]] + [len(text)]
    for (begin, end, kind), following in zip(spans, nexts, strict=True):
        start = _with_space(text, begin, at)
        if text[at:start]:
            found.append(_rest(part, text[at:start]))
        is_blank = text[end:following].isspace()
        end = following if is_blank else past_line_ends(text, end)
        found.append(cut_out(part.side, kind, part.role, text[start:end]))
        at = end
    if text[at:]:
        found.append(_rest(part, text[at:]))
    if part.name is not None:
        found[0] = found[0]._replace(name=part.name)
    return found


def _with_space(text: str, start: int, at: int) -> int:
    """Where the one space begins that stands before `start`, not before `at`; else `start`."""
    is_one = start > at and text[start - 1] == " " and not text[max(start - 2, 0)].isspace()
    return start - 1 if is_one or (start - 1 == at == 0 and text[0] == " ") else start


def _rest(part: Part, text: str) -> Part:
    """What is left of the part; the message's name stays with the first piece alone."""
    return Part(part.side, part.kind, part.role, text)
