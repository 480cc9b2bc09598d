"""Calls that fit no template yet, and which of them look like one.

Each call is filed under some of its words, its anchors; an anchor that several calls share makes
them candidates for a template.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

from latprobe.tokens.stable_text import Pieces, holds, sections, words_of
from latprobe.tokens.template_evidence import MessageLines, lines_of

MAX_WAITING = 256
# An anchor is looked at when so many calls share it; later ones need less in common.
LEVELS = (2, 3, 6, 24)
_SAMPLE = 6
_WORDS = 4
_LINE_CHARACTERS = 16
_HEAD, _TAIL = 3_000, 1_000
_MAX_ANCHORS = 96


@dataclass(slots=True, eq=False)
class Waiting:
    """A call, the template that it counts for meanwhile, and what is given back if it moves.

    `opening` is that of its frame.
    """

    frame: str
    node: object
    reference: object
    opening: str | None = None
    is_filed: bool = False
    anchors: list[str] = field(default_factory=list)
    _lines: MessageLines | None = None

    @property
    def lines(self) -> MessageLines:
        """See `lines_of`."""
        if self._lines is None:
            self._lines = lines_of(self.frame)
        return self._lines

    def is_of(self, pieces: Pieces, *, is_open: bool) -> bool:
        """Whether the call belongs to the template with these pieces; a chat's later turn may
        belong to one that its opening shows."""
        if holds(self.frame, pieces):
            return True
        return not is_open and self.opening is not None and holds(self.opening, pieces)


@dataclass(slots=True)
class _Shelf:
    calls: list[Waiting] = field(default_factory=list)
    level: int = 0


class WaitingCalls:
    """The newest MAX_WAITING calls that are filed, and as many that only wait."""

    def __init__(self) -> None:
        self._calls: deque[Waiting] = deque()
        self._unfiled: deque[Waiting] = deque(maxlen=MAX_WAITING)
        self._shelves: dict[str, _Shelf] = {}

    def __iter__(self) -> Iterator[Waiting]:
        return chain(self._calls, self._unfiled)

    def __len__(self) -> int:
        return len(self._calls) + len(self._unfiled)

    def add(self, call: Waiting, letters: str) -> tuple[int, list[Waiting]] | None:
        """Files the call; gives calls that share an anchor with it if one has reached a level.

        Of several such sets the one that most anchors agree on.
        """
        if len(self._calls) >= MAX_WAITING:
            self.remove(self._calls[0])
        self._calls.append(call)
        call.is_filed = True
        call.anchors = anchors_of(call.frame, letters)
        votes: dict[tuple[int, ...], tuple[int, int, list[Waiting]]] = {}
        for anchor in call.anchors:
            shelf = self._shelves.setdefault(anchor, _Shelf())
            shelf.calls.append(call)
            size = len(shelf.calls)
            if shelf.level < len(LEVELS) and size >= LEVELS[shelf.level]:
                shelf.level += 1
                members = tuple(map(id, shelf.calls))
                count = votes[members][0] if members in votes else 0
                votes[members] = (count + 1, size, list(shelf.calls))
        if not votes:
            return None
        _, size, calls = max(votes.values(), key=lambda vote: vote[:2])
        return size, calls

    def keep(self, call: Waiting) -> None:
        """Takes the call in without filing it: it shows no template, but may be one's."""
        self._unfiled.append(call)

    def remove(self, call: Waiting) -> None:
        """Takes a call out."""
        (self._calls if call.is_filed else self._unfiled).remove(call)
        for anchor in call.anchors:
            shelf = self._shelves[anchor]
            shelf.calls.remove(call)
            if not shelf.calls:
                del self._shelves[anchor]


def sample(calls: list[Waiting]) -> list[Waiting]:
    """The first, the last and some between."""
    if len(calls) <= _SAMPLE:
        return calls
    return [calls[number * (len(calls) - 1) // (_SAMPLE - 1)] for number in range(_SAMPLE)]


def anchors_of(frame: str, letters: str) -> list[str]:
    """What is likely the same in two calls of one template: lines, ends, some runs of words.

    Which runs depends on their own words only, so that it is the same ones in every call.
    """
    found: dict[str, None] = {}
    for letter, text in sections(frame):
        if letter not in letters or not text.strip():
            continue
        seen = text if len(text) <= _HEAD + _TAIL else text[:_HEAD] + "\n" + text[-_TAIL:]
        words = words_of(seen)
        found[letter + "^" + " ".join(words[:_WORDS])] = None
        found[letter + "$" + " ".join(words[-_WORDS:])] = None
        for line in seen.splitlines():
            if len(line) >= _LINE_CHARACTERS:
                found[line] = None
        for place, word in enumerate(words[:-_WORDS]):
            if (len(word) * 7 + ord(word[0] if word else " ")) % 8 == 0:
                found[" ".join(words[place : place + _WORDS])] = None
    kept = list(found)
    return (
        kept
        if len(kept) <= _MAX_ANCHORS
        else kept[: _MAX_ANCHORS // 2] + kept[-_MAX_ANCHORS // 2 :]
    )
