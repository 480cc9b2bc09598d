"""Blocks of text that stand again, as pointers to the earlier copy; nothing before them changes."""

from __future__ import annotations

from latprobe.advice.compress.contract import Candidate, Check, Context
from latprobe.advice.compress.pointers import decode, pointer

name = "repeats"

SHORTEST_CHARACTERS = 120
# A block begins with a line of this length, so that its pointer has something to quote.
_FIRST_LINE = 16
_MOST_CHARACTERS = 1_000_000
_MOST_POINTERS = 500
# So many lines at a block's end are tried as the one that its pointer names.
_MOST_LEFT = 8


def candidates(text: str, context: Context) -> list[Candidate]:
    """The text with pointers; none where nothing long stands twice."""
    if context.is_json or not 2 * SHORTEST_CHARACTERS <= len(text) <= _MOST_CHARACTERS:
        return []
    found = Earlier().pointed(text)
    return [] if found is None else [found]


class Earlier:
    """The texts that stood before, as their lines; `add` each in the order it was sent."""

    def __init__(self) -> None:
        self._text = ""
        self._lines: list[str] = []
        self._places: list[int] = []
        self._first: dict[str, int] = {}

    def add(self, text: str) -> None:
        """What later texts may point at."""
        for line in text.split("\n"):
            self._add_line(line)

    def pointed(self, text: str) -> Candidate | None:
        """The text with pointers at what was added before it and at itself; None for none.

        The text is added.
        """
        before = self._text
        lines = text.split("\n")
        out: list[str] = []
        at = pointers = 0
        while at < len(lines):
            count, line = self._repeated(lines, at) if pointers < _MOST_POINTERS else (0, "")
            if count:
                out.append(line)
                pointers += 1
            else:
                out.append(lines[at])
                count = 1
            for added in lines[at : at + count]:
                self._add_line(added)
            at += count
        made = "\n".join(out)
        if not pointers or decode(made, before) != text:
            return None
        check = Check("pointers followed to the earlier copies and equal")
        return Candidate(made, (name,), "lossless", check)

    def _add_line(self, line: str) -> None:
        self._places.append(len(self._text) + 1 if self._text else 0)
        self._text += f"\n{line}" if self._text else line
        if len(line) >= _FIRST_LINE:
            self._first.setdefault(line, len(self._lines))
        self._lines.append(line)

    def _repeated(self, lines: list[str], at: int) -> tuple[int, str]:
        """How many lines from here stood before, and the pointer to them; 0 for too few."""
        start = self._first.get(lines[at])
        if start is None:
            return 0, ""
        count = 0
        for new, old in zip(lines[at:], self._lines[start:], strict=False):
            if new != old:
                break
            count += 1
        first = self._places[start]
        # Blank lines and lines like "---" say nowhere clearly that a block ends there.
        for less in range(min(count, _MOST_LEFT)):
            last = start + count - less - 1
            end = self._places[last] + len(self._lines[last])
            if end - first < SHORTEST_CHARACTERS:
                break
            has_words = any(map(str.isalnum, self._lines[last]))
            line = pointer(self._text, first, end) if has_words else None
            if line is not None:
                return count - less, line
        return 0, ""
