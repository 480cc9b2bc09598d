"""Examples inside a longer text, where the text itself marks them.

Three clear cases: an examples' label ("Examples:", "### Example 2 - a short one") with pairs of
input and output under it; a numbered label with any two labelled lines under it; and a text that
ends with an open label ("A:") after two or more blocks of the same labels. What ends with an open
label is the question, and no example. Everything here takes time linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

Span = tuple[int, int]

_WORD = re.compile("example", re.IGNORECASE)
_HEADING = re.compile(
    r"[ \t]*(?:#+[ \t]*|\*\*|-[ \t]+)?(?:here are (?:some |a few )?)?examples?"
    r"(?:(?: |[ ]?#)(?P<number>\d{1,3}))?(?:\*\*)?"
    r"(?::|[ \t]*$|(?P<title>[ \t]*[-\u2013\u2014(:][^\n]{0,80}$))",
    re.MULTILINE | re.IGNORECASE,
)
_BOLD = r"[ \t]*(?:[-*][ \t]+)?(?:\*\*)?"
_GIVEN = re.compile(_BOLD + r"(?:input|user|question|q|text|human)[ \t]?(?:\*\*)?:", re.IGNORECASE)
_WANTED = re.compile(
    _BOLD + r"(?:output|expected output|assistant|answer|a|label|ai|result)[ \t]?(?:\*\*)?:",
    re.IGNORECASE,
)
_ANY = re.compile(_BOLD + r"([^\W\d_][^:\n*]{0,29})(?:\*\*)?:(?=[\s*]|$)")
_ANY_LINE = re.compile("^" + _ANY.pattern, re.MULTILINE)
# Who speaks in a conversation that is written as one text: its turns are no examples.
_SPEAKERS = frozenset(
    ["user", "human", "assistant", "ai", "bot", "system", "model", "agent", "customer", "client"]
)
_RULES = " \t\r\n-=*#_:"
# How far an example's input may stand from its label, and its output from its input.
_NEAR_CHARACTERS = 200
_EXAMPLE_CHARACTERS = 8_000
_MOST_LABELS = 4
_FEWEST_BLOCKS = 2
_OPENING = {"{": "}", "[": "]", "```": "```"}
_CLOSED = {closing: re.compile(r"\s*" + re.escape(closing)) for closing in _OPENING.values()}


class _Heading(NamedTuple):
    start: int
    end: int
    number: int | None


class _Closings:
    """The lines of a text that begin with a closing sign.

    For places that are asked for in their order: each line is looked at once for each sign, however
    many brackets before it stay open.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        # By sign: where the first line begins that was not looked at; line, place behind the sign
        # and line end of what was found last.
        self._next_line: dict[str, int] = {}
        self._found: dict[str, tuple[int, int, int]] = {}

    def end_after(self, stop: int, limit: int, closing: str) -> int | None:
        """Where the first such line behind `stop` ends, cut at `limit`; None if there is none."""
        line, behind, end = self._found.get(closing, (-1, -1, -1))
        if line < stop:
            at = max(stop, self._next_line.get(closing, 0))
            for line, end in _lines(self._text, at, len(self._text)):
                if line >= limit:
                    return None
                self._next_line[closing] = end
                found = _CLOSED[closing].match(self._text, line, end)
                if found is not None:
                    behind = found.end()
                    self._found[closing] = line, behind, end
                    break
            else:
                return None
        return min(end, limit) if behind <= limit else None


def labelled_examples(text: str) -> Iterator[Span]:
    """From each examples' label over what stands under it."""
    closings = _Closings(text)
    headings = list(_headings(text))
    for place, heading in enumerate(headings):
        following = headings[place + 1] if place + 1 < len(headings) else None
        limit = following.start if following else len(text)
        end = _after_pairs(text, heading.end, limit, closings)
        if end is None and heading.number is not None:
            end = _after_labelled(text, heading.end, limit)
        if end is None:
            continue
        if following and heading.number is not None and following.number == heading.number + 1:
            end = limit
        yield heading.start, end


def repeated_form(text: str) -> Iterator[Span]:
    """The blocks before the last one of a text that ends with an open label."""
    body = text.rstrip()
    last = _ANY.fullmatch(body[body.rfind("\n") + 1 :].rstrip("* "))
    if last is None:
        return
    found = [(each.start(), each[1].strip().lower()) for each in _ANY_LINE.finditer(body)]
    names = [name for _, name in found]
    for size in range(2, _MOST_LABELS + 1):
        form = names[-size:]
        if len(set(form)) < size or not _SPEAKERS.isdisjoint(form):
            continue
        first = len(names) - size
        while first >= size and names[first - size : first] == form:
            first -= size
        if len(names) - first > _FEWEST_BLOCKS * size:
            yield found[first][0], found[len(names) - size][0]
            return


def _headings(text: str) -> Iterator[_Heading]:
    at = 0
    while (word := _WORD.search(text, at)) is not None:
        start = text.rfind("\n", 0, word.start()) + 1
        found = _HEADING.match(text, start) if start >= at or not at else None
        end = text.find("\n", word.end())
        at = len(text) if end < 0 else end
        if found is None or (found["title"] and not found["number"]):
            continue
        yield _Heading(start, found.end(), int(found["number"]) if found["number"] else None)


def _after_pairs(text: str, start: int, limit: int, closings: _Closings) -> int | None:
    """Where the pairs of input and output end that begin right after `start`; None without any."""
    end = None
    while True:
        next_end = _after_pair(text, start if end is None else end, limit, closings)
        if next_end is None:
            return end
        end = next_end


def _after_pair(text: str, start: int, limit: int, closings: _Closings) -> int | None:
    begin = None
    for line, stop in _lines(text, start, limit):
        if begin is None:
            if _GIVEN.match(text, line, stop):
                begin = line
            elif text[line:stop].strip(_RULES) or stop - start > _NEAR_CHARACTERS:
                return None
        elif (wanted := _WANTED.match(text, line, stop)) is not None:
            return _after_output(text, wanted.end(), stop, limit, closings)
        elif stop - begin > _EXAMPLE_CHARACTERS:
            return None
    return None


def _after_output(text: str, at: int, stop: int, limit: int, closings: _Closings) -> int | None:
    """Where an output ends whose label's line ends at `stop`; None if there is no output.

    One line, or what brackets or a fence enclose; under a label that is alone, a paragraph.
    """
    value = text[at:stop].strip(" \t\r\n*")
    if value:
        closing = _closing(value)
        return stop if closing is None else _after_closing(stop, limit, closing, closings)
    end = None
    for line, line_stop in _lines(text, stop, min(limit, stop + _EXAMPLE_CHARACTERS)):
        written = text[line:line_stop].strip()
        if not written or _GIVEN.match(text, line, line_stop):
            break
        closing = _closing(written) if end is None else None
        if closing is not None:
            return _after_closing(line_stop, limit, closing, closings)
        end = line_stop
    return end


def _closing(line: str) -> str | None:
    """What ends the text that the line begins; None if the line does not enclose any."""
    for opened, closing in _OPENING.items():
        if line.startswith(opened) and not line[len(opened) :].rstrip(",").endswith(closing):
            return closing
    return None


def _after_closing(stop: int, limit: int, closing: str, closings: _Closings) -> int:
    """Behind the line that begins with `closing`; behind the first one if there is none."""
    end = closings.end_after(stop, min(limit, stop + _EXAMPLE_CHARACTERS), closing)
    return stop if end is None else end


def _after_labelled(text: str, start: int, limit: int) -> int | None:
    """Where a paragraph ends that begins with a label and has another one, which is not open."""
    names: set[str] = set()
    end, is_open = None, False
    for line, stop in _lines(text, start, min(limit, start + _EXAMPLE_CHARACTERS)):
        written = text[line:stop].strip()
        if not written.strip(_RULES):
            if end is None:
                continue
            break
        label = _ANY.match(text, line, stop)
        if label is None and end is None:
            return None
        if label is not None:
            names.add(label[1].strip().lower())
        is_open = label is not None and not text[label.end() : stop].strip(" \t\r\n*")
        end = stop
    return end if len(names) > 1 and not is_open else None


def _lines(text: str, start: int, limit: int) -> Iterator[Span]:
    """The lines behind `start`, each with its line end."""
    at = start
    while at < limit:
        end = text.find("\n", at, limit) + 1 or limit
        yield at, end
        at = end
