"""Text without a place to cut: runs of one letter, of blanks, of digits, of dashes.

Here the encoding's pattern is applied by the `regex` library, which tiktoken itself requires and
which needs no stack, and each match goes to the byte merging alone. Merging a match takes more
than its length in time (1.5 s at 1 MB, 8 s at 4 MB), so a long one is merged in blocks.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import regex  # type: ignore[import-untyped]  # its stubs are another package

from latprobe.tokens import pieces
from latprobe.tokens.encoding import SOURCES

if TYPE_CHECKING:
    import tiktoken

BLOCK_BYTES = 1 << 16
OVERLAPS_TOKENS = (16, 256, 2048)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A wall's tokens from where it began to `end`; `is_exact` is False for an estimate."""

    end: int
    tokens: int
    is_exact: bool


def measure_stretch(encoding: tiktoken.Encoding, text: str, start: int) -> Stretch:
    """Counts from `start`, where a match of the pattern begins, to some match's end.

    The stretch is at least `pieces.REACH_CHARACTERS` long unless the text ends before.
    """
    matches: Counter[str] = Counter()
    at = start
    for found in _compiled(SOURCES[encoding.name].pattern).finditer(text, start):
        matches[found.group()] += 1
        at = found.end()
        if at - start >= pieces.REACH_CHARACTERS:
            break
    tokens, is_exact = 0, True
    for match, times in matches.items():
        count, match_is_exact = _measure_match(encoding, match.encode())
        tokens += times * count
        is_exact = is_exact and match_is_exact
    return Stretch(at, tokens, is_exact)


@lru_cache(maxsize=8)
def _compiled(pattern: str) -> regex.Pattern[str]:
    return regex.compile(pattern)


def _measure_match(encoding: tiktoken.Encoding, match: bytes) -> tuple[int, bool]:
    if len(match) <= BLOCK_BYTES:
        return len(_merge(encoding, match)), True
    for overlap in OVERLAPS_TOKENS:
        tokens, is_exact = _measure_blocks(encoding, match, overlap)
        if is_exact:
            break
    return tokens, is_exact


def _measure_blocks(encoding: tiktoken.Encoding, match: bytes, overlap: int) -> tuple[int, bool]:
    """Counts block by block; each begins where the block before it has `overlap` tokens left.

    Tokens are the ones that merging the whole would give if and only if merging each two
    neighbours gives these two again, so what is to be checked is where blocks meet. (The `bpe`
    crate of github/rust-gems proves it; the tests compare with merging the whole.)
    """
    tokens, is_exact, at = 0, True, 0
    last: int | None = None
    block, ids = b"", list[int]()
    while True:
        following = match[at : at + BLOCK_BYTES]
        if following != block:
            block, ids = following, _merge(encoding, following)
        is_exact = is_exact and (last is None or _stay_apart(encoding, last, ids[0]))
        if at + len(block) == len(match):
            return tokens + len(ids), is_exact
        kept = max(len(ids) - overlap, len(ids) // 2, 1)
        tokens += kept
        last = ids[kept - 1]
        at += len(block) - len(encoding.decode_bytes(ids[kept:]))


def _stay_apart(encoding: tiktoken.Encoding, left: int, right: int) -> bool:
    return _merge(encoding, encoding.decode_bytes([left, right])) == [left, right]


def _merge(encoding: tiktoken.Encoding, match: bytes) -> list[int]:
    return encoding._encode_single_piece(match)
