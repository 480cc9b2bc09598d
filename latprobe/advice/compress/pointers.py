"""Pointers from a later copy of a text to the earlier one, and back.

    [same as above: "Refunds are paid ..."]
    [same as above, from "Refunds are paid" to "within 14 days."]
    [same as above, from "Refunds are paid" to "within 14 days.", but ["14","30"]]

The first is one line, which begins so. What stands before a pointer never changes, so that a
provider's prefix cache still hits.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

_POINTER = re.compile(r'\[same as above, from "(.+?)" to "(.+?)"(?:, but (\[".*"\]))?\]\Z')
_LINE = re.compile(r'\[same as above: "(.+) \.\.\."\]\Z')
_MARKS = ("[same as above, from ", "[same as above: ")
_OPENING = 16
_CLOSING = 12
_LONGEST_QUOTE = 120

Edits = Sequence[tuple[str, str]]


def pointer(above: str, start: int, end: int, edits: Edits = ()) -> str | None:
    """A pointer to `above[start:end]`; None where no short quotes say clearly where that is."""
    opening = _quote(above, start, end)
    if opening is None:
        return None
    if not edits and "\n" not in above[start:end] and above[end : end + 1] in ("\n", ""):
        return f'{_MARKS[1]}"{opening} ..."]'
    closing = _closing(above, start, end)
    if closing is None:
        return None
    text = f'{_MARKS[0]}"{opening}" to "{closing}"'
    changes = ", ".join(json.dumps(edit, ensure_ascii=False) for edit in edits)
    return f"{text}, but {changes}]" if edits else f"{text}]"


def _closing(above: str, start: int, end: int) -> str | None:
    """The last words, of the last line, which do not stand before within the text."""
    line = max(above.rfind("\n", start, end) + 1, start)
    longest = min(_LONGEST_QUOTE, end - line)
    for size in range(min(_CLOSING, longest), longest + 1):
        at = end - size
        closing = above[at:end]
        if '"' in closing:
            return None
        is_word = at == line or not (above[at - 1].isalnum() and above[at].isalnum())
        if is_word and closing.strip() == closing and above.find(closing, start) == at:
            return closing
    return None


def _quote(above: str, start: int, end: int) -> str | None:
    """The first words, which stand nowhere before."""
    size = min(_OPENING, end - start)
    while size <= _LONGEST_QUOTE and start + size <= end:
        text = above[start : start + size]
        if "\n" in text or '"' in text:
            return None
        is_word = start + size == end or not (text[-1].isalnum() and above[start + size].isalnum())
        if is_word and above.find(text) == start and text == text.strip():
            return text
        size += 1
    return None


def resolve(line: str, above: str) -> str | None:
    """What a pointer's line stands for; the line itself if it is none; None for one to nowhere."""
    if not line.startswith(_MARKS):
        return line
    one = _LINE.match(line)
    if one is not None:
        start = above.find(one.group(1))
        if start < 0:
            return None
        end = above.find("\n", start)
        return above[start:] if end < 0 else above[start:end]
    found = _POINTER.match(line)
    if found is None:
        return line
    opening, closing, edits = found.groups()
    start = above.find(opening)
    at = above.find(closing, start) if start >= 0 else -1
    if at < 0:
        return None
    text = above[start : at + len(closing)]
    return text if edits is None else _edited(text, edits)


def decode(text: str, earlier: str = "") -> str | None:
    """The text with its pointers resolved; None where one points nowhere. `earlier` is what stood
    before the text, like a chat's messages."""
    above = earlier
    for number, line in enumerate(text.split("\n")):
        found = resolve(line, above)
        if found is None:
            return None
        above += f"\n{found}" if number or earlier else found
    return above[len(earlier) + 1 :] if earlier else above


def _edited(text: str, edits: str) -> str | None:
    try:
        pairs = json.loads(f"[{edits}]")
    except ValueError:
        return None
    out, at = [], 0
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2:
            return None
        old, new = pair
        place = text.find(old, at)
        if place < 0:
            return None
        out += [text[at:place], new]
        at = place + len(old)
    return "".join([*out, text[at:]])
