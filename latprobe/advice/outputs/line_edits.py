"""A rewritten text as edits of the one it was made from, and the edits put in again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

_PIECE = re.compile(r"[^\n.]*(?:\n|\.(?=\s)|\.$)|[^\n.]+|\.")
# Beyond this, comparing takes longer than anyone waits for advice.
_MOST_PIECES = 3_000


@dataclass(frozen=True, slots=True)
class Edit:
    """From piece `first` up to `last` of the old text stands `text` instead."""

    first: int
    last: int
    text: str


@dataclass(frozen=True, slots=True)
class Rewrite:
    """`edits` are those that a model would write, `written` how; `all_edits` give the new text.

    `kept_share`: of the new text's characters, those that stood in the old one. `is_inside`: there
    is an edit that is not at its beginning or end, so that more was done than to repeat it.
    """

    edits: tuple[Edit, ...]
    all_edits: tuple[Edit, ...]
    written: str
    kept_share: float
    is_inside: bool


def rewrite_of(old: str, new: str) -> Rewrite | None:
    """The new text as edits of the old one, by lines or sentences; None where that does not give
    the new text back, or either is too long."""
    before, after = pieces(old), pieces(new)
    if max(len(before), len(after)) > _MOST_PIECES:
        return None
    edits, kept = [], 0
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for tag, first, last, start, end in matcher.get_opcodes():
        if tag == "equal":
            kept += sum(len(piece) for piece in after[start:end])
        else:
            edits.append(Edit(first, last, "".join(after[start:end])))
    if applied(old, edits) != new:
        return None
    # What stands around the document in the prompt is nothing that a model would have to delete.
    inner = [e for e in edits if e.text or 0 < e.first < e.last < len(before)]
    written = "\n".join(_block("".join(before[e.first : e.last]), e.text) for e in inner)
    is_inside = any(e.first > 0 and e.last < len(before) for e in inner)
    return Rewrite(tuple(inner), tuple(edits), written, kept / max(len(new), 1), is_inside)


def alike_share(old: str, new: str) -> float:
    """At most so much of the new text's characters stood in the old one, in whatever order."""
    known = set(pieces(old))
    return sum(len(piece) for piece in pieces(new) if piece in known) / max(len(new), 1)


def applied(old: str, edits: list[Edit]) -> str:
    """The old text with the edits put in."""
    before, out, done = pieces(old), [], 0
    for edit in edits:
        out += [*before[done : edit.first], edit.text]
        done = edit.last
    return "".join([*out, *before[done:]])


def pieces(text: str) -> list[str]:
    """Lines, and the sentences in them; joined they are the text."""
    return _PIECE.findall(text)


def _block(old: str, new: str) -> str:
    return f"<<<<\n{old.rstrip()}\n====\n{new.rstrip()}\n>>>>"
