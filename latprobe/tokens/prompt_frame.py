"""A call's prompt as one text for the template miner: what instructions stand in, and nothing else.

History, examples, tool schemas and retrieved texts are left out: they may differ between calls of
one template.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

from latprobe.tokens.part import Part, part_hash
from latprobe.tokens.stable_text import CUT, END, SECTION, clean

# A longer part is looked at from both ends; instructions hardly stand in the middle.
_HEAD, _TAIL = 8_192, 4_096
_LETTERS = {"system": "s", "user": "u", "other": "o"}
# Kinds whose text does not matter, only that there is such a part: examples are often chosen for
# each call.
_MARKS = {
    "few_shot": "f",
    "retrieved": "r",
    "image": "i",
    "audio": "a",
    "video": "v",
    "document": "d",
}


@dataclass(frozen=True, slots=True)
class CallKey:
    """What a call is grouped by. `parts` are all its parts, in prompt order.

    `prompt_name` is the user's own name for the prompt, None if there is none. `reference` comes
    back from `TemplateMiner.take_moved` should the call belong elsewhere after all.
    """

    prompt_name: str | None
    stage: str
    parts: Sequence[Part]
    start_ns: int = 0
    reference: object = None


class Frame(NamedTuple):
    """`opening` is the same frame with the conversation's first user message, if that is another.

    `is_hashed`: the texts were not kept, so that only whole parts can be compared.
    """

    text: str
    opening: str | None
    is_hashed: bool


def frame_of(parts: Iterable[Part]) -> Frame:
    """The frame of a call's input."""
    given = [part for part in parts if part.side == "input"]
    first_turn: Part | None = None
    has_user = is_hashed = False
    for part in given:
        if part.kind == "user":
            has_user = True
        elif first_turn is None and part.kind == "history" and part.role == "user":
            first_turn = part
        if part.text is None and part.kind in _LETTERS:
            is_hashed = True
    text = _join(given)
    if first_turn is None:
        return Frame(text, None, is_hashed)
    opened = [part for part in given if part.kind in ("system", "few_shot", "other")]
    opening = _join([*opened, Part("input", "user", "user", first_turn.text)])
    return Frame(text if has_user else opening, opening if has_user else None, is_hashed)


def tools_digest(parts: Iterable[Part]) -> bytes:
    """8 bytes for the set of tools offered, in any order; b"" if there are none."""
    hashes = [part_hash(part) for part in parts if part.kind == "tools"]
    return blake2b(b"".join(sorted(hashes)), digest_size=8).digest() if hashes else b""


def _join(parts: Sequence[Part]) -> str:
    pieces: list[str] = []
    last = ""
    for part in parts:
        mark = _MARKS.get(part.kind)
        letter = mark or _LETTERS.get(part.kind)
        if letter is None or (mark and mark == last):
            continue
        if mark:
            pieces.append(SECTION + mark)
        elif not (last == "r" and _is_separator(part.text)):
            pieces.append(SECTION + letter + _stated(part))
        else:
            continue
        last = letter
    return "".join((*pieces, END))


def _is_separator(text: str | None) -> bool:
    """Whether it only stands between two retrieved texts."""
    return text is not None and len(text) <= 8 and not any(map(str.isalnum, text))


def _stated(part: Part) -> str:
    text = part.text
    if text is None:
        return part_hash(part).hex() if part.kind == "system" else ""
    if len(text) > _HEAD + _TAIL:
        return clean(text[:_HEAD]) + CUT + clean(text[-_TAIL:])
    return clean(text)
