"""Log lines as templates, each once, and a line of values for each line; lossless.

`A: 10:00:# GET /orders took # ms`, then `A 01 25`; a line of no template stands behind `=`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from latprobe.advice.compress.contract import Candidate, Check, Context
from latprobe.advice.compress.shared_start import shared_start

name = "log_templates"

_HEAD = "Log lines by template; {mark} stands for the line's next value:"
_MARKS = ("#", "§", "¤", "<*>")
_SPLIT = re.compile(r"(\s+|[=,\[\]()\"'|;<>{}]+)")
_DIGIT = re.compile(r"\d")
_FEWEST_LINES = 5
_FEWEST_OF_ONE = 3
_COVERED_SHARE = 0.6
_MOST_CHARACTERS = 2_000_000

Template = tuple[str | None, ...]


def candidates(text: str, context: Context) -> list[Candidate]:
    """The lines by template; none where most are of no template."""
    if context.is_json or len(text) > _MOST_CHARACTERS or text.count("\n") < _FEWEST_LINES - 1:
        return []
    made = _encode(text)
    if made is None or decode(made) != text:
        return []
    return [Candidate(made, (name,), "lossless", Check("all lines written again and equal"))]


def _encode(text: str) -> str | None:
    mark = next((mark for mark in _MARKS if mark not in text), None)
    if mark is None:
        return None
    lines = text.split("\n")
    parsed = [_parse(line) for line in lines]
    times = Counter(template for template, _ in parsed)
    kept = [t for t, count in times.items() if count >= _FEWEST_OF_ONE and any(t)]
    if sum(times[template] for template in kept) < _COVERED_SHARE * len(lines):
        return None
    rows: dict[Template, list[list[str]]] = {template: [] for template in kept}
    for template, values in parsed:
        if template in rows:
            rows[template].append(values)
    names = dict(zip(kept, _names(), strict=False))
    shapes = {template: _Shape(template, rows[template], mark) for template in kept}
    out = [_HEAD.format(mark=mark)]
    out += [f"{names[template]}: {shapes[template].text}" for template in kept]
    out.append("")
    for line, (template, values) in zip(lines, parsed, strict=True):
        if template in rows:
            out.append(" ".join([names[template], *shapes[template].written(values)]))
        else:
            out.append(f"={line}")
    return "\n".join(out)


def decode(text: str) -> str | None:
    """The log lines; None for what this module did not write."""
    head, _, rest = text.partition("\n")
    mark = next((mark for mark in _MARKS if head == _HEAD.format(mark=mark)), None)
    legend, blank, body = rest.partition("\n\n")
    if mark is None or not blank:
        return None
    templates = dict(line.split(": ", 1) for line in legend.split("\n") if ": " in line)
    lines = []
    for line in body.split("\n"):
        if line.startswith("="):
            lines.append(line[1:])
            continue
        key, *values = line.split(" ")
        pieces = templates.get(key, mark * (len(values) + 2)).split(mark)
        if len(pieces) != len(values) + 1:
            return None
        lines.append(pieces[0] + "".join(v + p for v, p in zip(values, pieces[1:], strict=True)))
    return "\n".join(lines)


def _parse(line: str) -> tuple[Template, list[str]]:
    """The line's words with None for each that has a digit, and those words."""
    template: list[str | None] = []
    values = []
    for word in _SPLIT.split(line):
        if _DIGIT.search(word):
            values.append(word)
            template.append(None)
        else:
            template.append(word)
    return tuple(template), values


class _Shape:
    """A template with what all its values have in common."""

    def __init__(self, template: Template, rows: Sequence[Sequence[str]], mark: str) -> None:
        self._cuts = [_cut(column) for column in zip(*rows, strict=True)]
        cuts = iter(zip(self._cuts, rows[0], strict=True))
        pieces = []
        for word in template:
            if word is not None:
                pieces.append(word)
                continue
            cut, first = next(cuts)
            start, end = cut if cut is not None else (len(first), 0)
            pieces.append(first[:start] + (mark if cut else "") + first[len(first) - end :])
        self.text = "".join(pieces)

    def written(self, values: Sequence[str]) -> Iterator[str]:
        """The part of each value that is its own."""
        for cut, value in zip(self._cuts, values, strict=True):
            if cut is not None:
                yield value[cut[0] : len(value) - cut[1]]


def _cut(column: Sequence[str]) -> tuple[int, int] | None:
    """How many characters all values begin and end with; None where all are one value."""
    if len(set(column)) == 1:
        return None
    shortest = min(map(len, column))
    start = min(len(shared_start(column)), shortest - 1)
    # A number stays whole where it can: cut behind the last character that is none of a word.
    sample = column[0]
    while start and sample[start - 1].isdigit() and not _is_fixed(column, start):
        start -= 1
    turned = [value[start:][::-1] for value in column]
    end = min(len(shared_start(turned)), min(map(len, turned)) - 1)
    while end and turned[0][end - 1].isdigit():
        end -= 1
    return start, end


def _is_fixed(column: Sequence[str], start: int) -> bool:
    """Whether all values are of one length, like times: then their digits have their places."""
    return len({len(value) for value in column}) == 1


def _names() -> Iterator[str]:
    letters = [chr(code) for code in range(ord("A"), ord("Z") + 1)]
    yield from letters
    number = 1
    while True:
        yield from (f"{letter}{number}" for letter in letters)
        number += 1
