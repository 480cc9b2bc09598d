"""Whether calls share enough text for a template of their own.

A template is what a program's author wrote, and what people type into it is none. Taken for typed,
however often it comes, is the value of a label that all the calls have ("Question: ..."), and
beside a long system text what is short and on one line with what changes. A whole line that is the
same in several, with other lines around it, was written; in messages that all have a label it is a
block that is there at times, unless all have the line as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from latprobe.tokens.stable_text import (
    Pieces,
    cut_lines,
    length_by_kind,
    sections,
    without_kinds,
)
from latprobe.tokens.template import Template

SYSTEM, USER = "s", "uo"

# How much of the user's messages must be stable for a new template, by the calls that share it:
# two chat questions are similar by chance, twenty-four are not.
_USER_SHARES = {2: 0.6, 3: 0.4, 6: 0.01, 24: 0.0}
_USER_CHARACTERS = {2: 40, 3: 24, 6: 32, 24: 16}
_SYSTEM_CHARACTERS, _SYSTEM_SHARE = 30, 0.5
# The same message sent again is no template before it was sent so often.
_REPEATS = 6
# Short beside its system text, it is a question however often it is sent.
_QUESTION_CHARACTERS, _QUESTION_SHARE = 120, 4
_MESSAGE_CHARACTERS, _MESSAGE_SHARE = 240, 2
_LINE_CHARACTERS = 12
_AROUND = " \t\r\x03\x05"
_LABEL = re.compile(r"[ \t]*([^\W\d_][^:\n\x02-\x05]{0,29}):[ \t]*[^\s\x02\x03\x05]")


@dataclass(frozen=True, slots=True)
class MessageLines:
    """The labels that have a value in the user's message, and its lines that are no mere word."""

    labels: frozenset[str]
    lines: frozenset[str]


@dataclass(frozen=True, slots=True)
class Form:
    """What all calls of a node have: labels whose values change, and whole lines."""

    labels: frozenset[str]
    lines: frozenset[str]


NO_FORM = Form(frozenset(), frozenset())


def shared_text(
    size: int, pieces: Pieces, frames: list[str], node: Template, form: Form
) -> Pieces | None:
    """The stable text of a template of the frames; None if they share too little for one.

    `size` calls share it, of which the frames are some; `form` is that of all calls of the node.
    Where only the system text is enough, what the user's messages share is left out as
    accidental.
    """
    if _shares_message(size, pieces, frames, node, form):
        return pieces
    if node.kind == "rest" and _shares_system(pieces, frames):
        return without_kinds(pieces, USER)
    return None


def form_of(frames: Iterable[MessageLines]) -> Form:
    """The form of the calls of one node."""
    labels: frozenset[str] | None = None
    lines: frozenset[str] = frozenset()
    count = 0
    for each in frames:
        count += 1
        if labels is None:
            labels, lines = each.labels, each.lines
        else:
            labels, lines = labels & each.labels, lines & each.lines
        if not labels and not lines:
            return NO_FORM
    if count < _REPEATS:
        return Form(labels or frozenset(), frozenset())
    fixed = {_label_of(line) for line in lines}
    return Form((labels or frozenset()) - fixed, lines)


def lines_of(frame: str) -> MessageLines:
    """What the lines of a frame's user message say."""
    lines = _lines(frame)
    return MessageLines(
        frozenset([label for line in lines if (label := _label_of(line)) is not None]),
        frozenset([line for each in lines if len(line := each.strip(_AROUND)) >= _LINE_CHARACTERS]),
    )


def _shares_message(
    size: int, pieces: Pieces, frames: list[str], node: Template, form: Form
) -> bool:
    level = max(number for number in _USER_SHARES if number <= size)
    users = [_text_of(frame, USER) for frame in frames]
    system = length_by_kind(pieces, SYSTEM)
    is_same = all(user == users[0] for user in users)
    typical = sorted(map(len, users))[len(users) // 2]
    if is_same and (size < _REPEATS or _is_short(typical, typical, system)):
        return False
    stable = length_by_kind(_without_values(pieces, form.labels), USER)
    gain = stable if node.kind == "rest" else stable - node.user_weight
    if gain < max(_USER_CHARACTERS[level], _USER_SHARES[level] * typical):
        return False
    if is_same or not _is_short(stable, typical, system):
        return True
    return bool(form.lines) or (not form.labels and _shares_line(frames))


def _is_short(stable: int, message: int, system: int) -> bool:
    """Whether what messages of this length share is so short that it is one of the questions that
    a long system text is asked, and no instruction of its own."""
    share = _QUESTION_SHARE if message > _MESSAGE_CHARACTERS else _MESSAGE_SHARE
    return stable <= _QUESTION_CHARACTERS and system >= share * stable


def _shares_line(frames: list[str]) -> bool:
    """Whether a whole line of the user's messages is the same in all of them."""
    return bool(frozenset.intersection(*[lines_of(frame).lines for frame in frames]))


def _without_values(pieces: Pieces, labels: frozenset[str]) -> Pieces:
    """The pieces without the lines of these labels; long values are instructions, and stay."""
    if not labels:
        return pieces
    return cut_lines(
        pieces,
        lambda line: len(line) <= _QUESTION_CHARACTERS and _label_of(line) in labels,
    )


def _label_of(line: str) -> str | None:
    found = _LABEL.match(line)
    return found[1].strip().lower() if found else None


def _lines(frame: str) -> list[str]:
    """The lines of the user's messages."""
    return [
        line for letter, text in sections(frame) if letter in USER for line in text.splitlines()
    ]


def _shares_system(pieces: Pieces, frames: list[str]) -> bool:
    stable = length_by_kind(pieces, SYSTEM)
    shortest = min(len(_text_of(frame, SYSTEM)) for frame in frames)
    return stable >= _SYSTEM_CHARACTERS and stable >= _SYSTEM_SHARE * shortest


def _text_of(frame: str, letters: str) -> str:
    """The sections of these kinds without whitespace, as stable text is measured."""
    joined = "".join(text for letter, text in sections(frame) if letter in letters)
    return joined.replace(" ", "").replace("\n", "")
