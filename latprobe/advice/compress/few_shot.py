"""Instructions that every example repeats, said once: `[A] stands for: ...`; lossless."""

from __future__ import annotations

import re
from collections import defaultdict
from string import ascii_uppercase

from latprobe.advice.compress.contract import Candidate, Check, Context
from latprobe.advice.compress.shared_start import shared_start

name = "few_shot_hoist"

_FEWEST = 3
_SHORTEST = 24
_MOST = 12
_MOST_CHARACTERS = 1_000_000
_LEGEND = re.compile(r"\[([A-Z])\] stands for: (.+)")
_USE = re.compile(r"^\[([A-Z])\]", re.MULTILINE)


def candidates(text: str, context: Context) -> list[Candidate]:
    """The text with a legend; none where no beginning of a line stands three times."""
    if context.is_json or not _FEWEST * _SHORTEST <= len(text) <= _MOST_CHARACTERS:
        return []
    if _USE.search(text):
        return []
    lines = text.split("\n")
    shared = _shared(lines)
    if not shared:
        return []
    names = dict(zip(shared, ascii_uppercase, strict=False))
    legend = [f"[{letter}] stands for: {start}" for start, letter in names.items()]
    made = "\n".join([*legend, "", *(_written(line, names) for line in lines)])
    if decode(made) != text:
        return []
    check = Check("the legend's texts put back and equal")
    return [Candidate(made, (name,), "lossless", check)]


def decode(text: str) -> str:
    """The text with its repeated instructions."""
    legend, _, body = text.partition("\n\n")
    found = [_LEGEND.fullmatch(line) for line in legend.split("\n")]
    starts = {match.group(1): match.group(2) for match in found if match}
    if len(starts) != len(found):
        return text
    return _USE.sub(lambda use: starts.get(use.group(1), use.group()), body)


def _shared(lines: list[str]) -> list[str]:
    """What at least three lines begin with, the most characters saved first."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for line in lines:
        if len(line) >= _SHORTEST:
            groups[line[:_SHORTEST]].append(line)
    found = []
    for group in groups.values():
        if len(group) >= _FEWEST:
            start = _whole_words(shared_start(group), group)
            if len(start) >= _SHORTEST:
                found.append((len(start) * (len(group) - 1), start))
    return [start for _, start in sorted(found, reverse=True)[:_MOST]]


def _whole_words(start: str, group: list[str]) -> str:
    if all(line == start for line in group):
        return start
    return start[: start.rfind(" ") + 1]


def _written(line: str, names: dict[str, str]) -> str:
    for start, letter in names.items():
        if line.startswith(start):
            return f"[{letter}]{line[len(start) :]}"
    return line
