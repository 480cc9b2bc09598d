"""The text that calls of one template share: literal pieces with changing places between them.

A prompt is looked at as one text, its *frame*: the parts that instructions stand in, each after a
mark that says its kind. A frame holds a template if it has the template's pieces in their order.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

# Control characters, since they hardly stand in a prompt and are no whitespace to `re`.
SECTION = "\x02"  # before each part, followed by one letter for its kind
CUT = "\x03"  # where the middle of a very long part was left out
_GAP = "\x04"
END = "\x05"
_OURS = re.compile("[\x02-\x05]")
HEAD_CHARACTERS = 12

# A word, a number with what belongs to it (a date, a time, a version), one sign; of scripts that
# are written without spaces one character. Each with the whitespace before it.
_UNSPACED = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af\U00020000-\U0003ffff"
_TOKEN = re.compile(
    rf"\x02.|\s*(?:\d[\w.,:/+\-]*\w|\d|[{_UNSPACED}]|[^\W{_UNSPACED}]+|[^\w\s])|\s+", re.DOTALL
)
_GRAM = 3
_RUN_CHARACTERS = 10
_RUN_UNSPACED = 4
_LABEL_CHARACTERS = 5  # a line that begins with "Text:"

Pieces = tuple[str, ...]


def clean(text: str) -> str:
    """The text without the characters that frames give a meaning to, and without lone surrogates,
    which no store holds."""
    if SECTION in text or CUT in text or _GAP in text or END in text:
        text = _OURS.sub(" ", text)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def holds(frame: str, pieces: Pieces) -> bool:
    """Whether all pieces stand in the frame, in their order and apart."""
    at = 0
    for piece in pieces:
        at = frame.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    return True


def heads(frame: str) -> set[str]:
    """How each section begins, its mark included: what a piece that begins one must begin with."""
    found = set()
    at = 0
    while at >= 0:
        found.add(frame[at : at + HEAD_CHARACTERS])
        at = frame.find(SECTION, at + 1)
    return found


def head_of(pieces: Pieces) -> str | None:
    """The beginning of the section that the pieces begin with; None if they begin within one."""
    if not pieces or len(pieces[0]) < HEAD_CHARACTERS or pieces[0][0] != SECTION:
        return None
    return pieces[0][:HEAD_CHARACTERS]


def common_pieces(pieces: Pieces, frame: str) -> Pieces:
    """What the pieces and the frame share, in order; words are kept or left out whole.

    Short runs of words are left out, since any two texts of a language share some.
    """
    left = _GAP.join(pieces)
    if left == frame:
        return pieces
    ours, theirs = _TOKEN.findall(left), _TOKEN.findall(frame)
    runs = [ours[start : start + size] for start, size in _runs(ours, theirs)]
    return tuple("".join(run) for run in runs if _is_telling(run))


def words_of(text: str) -> list[str]:
    """The text's tokens, the whitespace before each taken off."""
    return [token.strip() for token in _TOKEN.findall(text)]


def sections(frame: str) -> Iterator[tuple[str, str]]:
    """Each part's kind letter and its text."""
    for part in frame.rstrip(END).split(SECTION)[1:]:
        yield part[:1], part[1:]


def length_by_kind(pieces: Sequence[str], letters: str) -> int:
    """Characters of stable text in sections of these kinds, whitespace and marks not counted."""
    total = 0
    letter = ""
    for piece in pieces:
        head, *parts = piece.split(SECTION)
        if letter and letter in letters:
            total += _weight(head)
        for part in parts:
            letter = part[:1]
            if letter in letters:
                total += _weight(part[1:])
    return total


def without_kinds(pieces: Pieces, letters: str) -> Pieces:
    """The pieces without the text of sections of these kinds; their marks stay."""
    kept: list[str] = []
    letter = ""
    for piece in pieces:
        head, *parts = piece.split(SECTION)
        run = "" if letter and letter in letters else head
        for part in parts:
            letter = part[:1]
            run += SECTION + letter
            if letter in letters:
                kept.append(run)
                run = END if part.endswith(END) else ""
            else:
                run += part[1:]
        kept.append(run)
    if pieces[-1:] and pieces[-1].endswith(END) and not kept[-1].endswith(END):
        kept.append(END)
    return tuple(filter(None, kept))


def cut_lines(pieces: Pieces, is_cut: Callable[[str], bool]) -> Pieces:
    """The pieces without some of their lines; a changing place within a line is a sign in it."""
    head, *parts = _GAP.join(pieces).split(SECTION)
    kept = ["\n".join(line for line in head.split("\n") if not is_cut(line))]
    for part in parts:
        lines = (line for line in part[1:].split("\n") if not is_cut(line))
        kept.append(part[:1] + "\n".join(lines))
    return tuple(filter(None, SECTION.join(kept).split(_GAP)))


def shown(pieces: Pieces) -> str:
    """The stable text for people: `{…}` in the changing places, sections on lines of their own."""
    text = "{…}".join(pieces).replace(CUT, "{…}").replace(END, "")
    text = re.sub(f"{SECTION}(.)", lambda mark: "\n\n" + _TITLES.get(mark[1], ""), text)
    return re.sub(r"(\{…\}\s*){2,}", "{…}", text).strip()


# Kinds whose text is not part of the frame are shown by their name.
_TITLES = {
    "f": "[examples]",
    "r": "[retrieved]",
    "i": "[image]",
    "a": "[audio]",
    "v": "[video]",
    "d": "[document]",
}


def _weight(text: str) -> int:
    return len(text) - text.count(" ") - text.count("\n") - text.count(CUT) - text.count(END)


def _is_telling(run: list[str]) -> bool:
    text = "".join(run)
    if SECTION in text or END in text:
        return True
    if len(run) < _GRAM:
        return len(run) == 2 and run[0][0] == "\n" and len(text) >= _LABEL_CHARACTERS
    return len(text) >= _RUN_CHARACTERS or (len(run) >= _RUN_UNSPACED and not text.isascii())


def _runs(ours: list[str], theirs: list[str]) -> Iterator[tuple[int, int]]:
    """Start and length in `ours` of what both share, in order: a patience diff on word triples."""
    first = _equal_ahead(ours, theirs, 0, 0, len(ours), len(theirs))
    if first:
        yield 0, first
    last = _equal_behind(ours, theirs, len(ours), len(theirs), first, first)
    end, other_end = len(ours) - last, len(theirs) - last
    at, other_at = first, first
    for anchor, other in _rising(_anchors(ours[first:end], theirs[first:other_end])):
        here, there = anchor + first, other + first
        if here < at or there < other_at:
            continue
        back = _equal_behind(ours, theirs, here, there, at, other_at)
        ahead = _equal_ahead(ours, theirs, here, there, end, other_end)
        yield here - back, back + ahead
        at, other_at = here + ahead, there + ahead
    if last:
        yield end, last


def _anchors(ours: list[str], theirs: list[str]) -> list[tuple[int, int]]:
    """Where the triples stand that occur exactly once on both sides, in our order."""
    there = _single_places(theirs)
    return sorted(
        (place, other)
        for gram, place in _single_places(ours).items()
        if place >= 0 and (other := there.get(gram, -1)) >= 0
    )


def _single_places(tokens: list[str]) -> dict[tuple[str, ...], int]:
    """The place of each triple, and of each line's first two tokens; -1 if it has several."""
    places: dict[tuple[str, ...], int] = {}
    gram: tuple[str, ...]
    for place, gram in enumerate(zip(tokens, tokens[1:], tokens[2:], strict=False)):
        places[gram] = -1 if gram in places else place
        if gram[0][0] == "\n":
            start = gram[:2]
            places[start] = -1 if start in places else place
    return places


def _rising(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest chain of pairs that rises on both sides."""
    if all(left[1] < right[1] for left, right in pairwise(pairs)):
        return pairs
    tops: list[int] = []
    top_pairs: list[int] = []
    before: list[int] = []
    for number, (_, other) in enumerate(pairs):
        at = bisect_left(tops, other)
        before.append(top_pairs[at - 1] if at else -1)
        tops[at : at + 1] = [other]
        top_pairs[at : at + 1] = [number]
    chain = []
    number = top_pairs[-1] if top_pairs else -1
    while number >= 0:
        chain.append(pairs[number])
        number = before[number]
    return chain[::-1]


def _equal_ahead(a: list[str], b: list[str], i: int, j: int, a_end: int, b_end: int) -> int:
    size = 0
    while i + size < a_end and j + size < b_end and a[i + size] == b[j + size]:
        size += 1
    return size


def _equal_behind(a: list[str], b: list[str], i: int, j: int, a_low: int, b_low: int) -> int:
    """How many tokens before `i` and `j` are equal, not below the lows."""
    size = 0
    while i - size > a_low and j - size > b_low and a[i - size - 1] == b[j - size - 1]:
        size += 1
    return size
