"""Paragraphs that nearly stand again, as a pointer with the words that differ; lossless."""

from __future__ import annotations

import zlib
from collections import Counter
from difflib import SequenceMatcher

from latprobe.advice.compress.contract import Candidate, Check, Context
from latprobe.advice.compress.pointers import Edits, decode, pointer

name = "near_repeats"

_SHORTEST_CHARACTERS = 200
_MOST_CHARACTERS = 200_000
_MOST_WORDS = 600
_MOST_EDITS = 8
_SHINGLE_WORDS = 3
# Of the shingles one in so many is kept, by its checksum: the same ones in every text.
_KEPT_OF = 4
_ALIKE_SHARE = 0.6


def candidates(text: str, context: Context) -> list[Candidate]:
    """The text with pointers; none where no paragraph is like an earlier one."""
    if context.is_json or not 2 * _SHORTEST_CHARACTERS <= len(text) <= _MOST_CHARACTERS:
        return []
    made = _encode(text)
    if made == text or decode(made) != text:
        return []
    check = Check("pointers followed, the words that differ put in, and equal")
    return [Candidate(made, (name,), "lossless", check)]


def _encode(text: str) -> str:
    seen: dict[int, int] = {}
    blocks: list[tuple[int, str]] = []
    out = []
    at = 0
    for paragraph in text.split("\n\n"):
        new = paragraph
        if len(paragraph) >= _SHORTEST_CHARACTERS:
            shingles = _shingles(paragraph)
            votes = Counter(seen[shingle] for shingle in shingles if shingle in seen)
            if votes:
                best, count = votes.most_common(1)[0]
                if count >= _ALIKE_SHARE * len(shingles):
                    new = _pointed(text[:at], *blocks[best], paragraph) or paragraph
            for shingle in shingles:
                seen.setdefault(shingle, len(blocks))
            blocks.append((at, paragraph))
        out.append(new)
        at += len(paragraph) + 2
    return "\n\n".join(out)


def _shingles(text: str) -> set[int]:
    words = text.split()
    sums = (
        zlib.crc32(" ".join(words[at : at + _SHINGLE_WORDS]).encode("utf-8", "replace"))
        for at in range(len(words) - _SHINGLE_WORDS + 1)
    )
    return {value for value in sums if value % _KEPT_OF == 0}


def _pointed(above: str, start: int, old: str, new: str) -> str | None:
    edits = _edits(old, new)
    if edits is None:
        return None
    line = pointer(above, start, start + len(old), edits)
    return line if line is not None and len(line) < len(new) / 2 else None


def _edits(old: str, new: str) -> Edits | None:
    """What to replace in `old`, in order, to get `new`; None for too much."""
    first, second = _words(old), _words(new)
    if max(len(first), len(second)) > _MOST_WORDS:
        return None
    found = []
    done = 0
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        # One word more in front, which an insertion needs; more where these words stood before.
        for more in range(0 if i2 > i1 else 1, 4):
            if i1 - more < done or j1 - more < 0:
                return None
            place = len("".join(first[: i1 - more]))
            before = "".join(first[i1 - more : i2])
            if old.find(before, len("".join(first[:done]))) == place:
                found.append((before, "".join(second[j1 - more : j2])))
                break
        else:
            return None
        done = i2
    return found if 0 < len(found) <= _MOST_EDITS else None


def _words(text: str) -> list[str]:
    """Words with the blanks behind them; joined they are the text."""
    words: list[str] = []
    start = 0
    for at in range(1, len(text)):
        if not text[at].isspace() and text[at - 1].isspace():
            words.append(text[start:at])
            start = at
    return [*words, text[start:]]
