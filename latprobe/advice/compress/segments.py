"""A prompt's text cut into JSON, HTML, XML, tables, logs, code and what stands between them.

Joined, the segments are the text again. Everything here takes time linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from latprobe.advice.compress.exact_json import decode_at
from latprobe.advice.compress.html_text import looks_like_html
from latprobe.advice.compress.markdown_table import is_table_at
from latprobe.advice.compress.xml_spans import xml_spans

Form = Literal["text", "json", "jsonl", "html", "xml", "table", "log"]
_Find = Callable[[str], Iterator[tuple[int, int]]]

# JSON begins a line, or stands behind a blank, a colon or a tag.
_JSON_START = re.compile(r"(?:(?<=[\s:>=`(])|^)[{\[](?=\s*[\"{\[\d\]}tfn-])")
_HTML_START = re.compile(r"<(?:!doctype html|html|article|main|body|table|div|section)\b", re.I)
_LOG_LINE = re.compile(
    r"(?:\[?\d{4}-\d\d-\d\d[T ]|\[?\d\d:\d\d:\d\d|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d "
    r"|(?:\d{1,3}\.){3}\d{1,3} )"
)
# A page without its end: its writer left the end tag out, or it was cut to so many characters.
_WHOLE_PAGE = ("!doctype", "html", "body")
_END_TAG = re.compile(r"</[a-zA-Z][\w-]*\s*>")
_SHORTEST = 40
_FEWEST_LOG_LINES = 5
# Broken JSON could be tried at each of its brackets.
_MOST_FAILURES = 50
_FAILED_CHARACTERS = 2_000_000


class Segment(NamedTuple):
    """A stretch of the text and what it is."""

    form: Form
    text: str


def split_segments(text: str) -> list[Segment]:
    """The text's segments in order."""
    spans: list[tuple[int, int, Form]] = []
    if "{" in text or "[" in text:
        spans += [(start, end, "json") for start, end in _json_spans(text)]
    if "</" in text:
        spans += [(start, end, "html") for start, end in _html_spans(text)]
        spans += [(start, end, "xml") for start, end in xml_spans(text)]
    segments = _with_lines(_outermost(text, sorted(spans)))
    if "|" in text and "-" in text:
        segments = _cut(segments, "table", _table_spans)
    if "\n" in text:
        segments = _cut(segments, "log", _log_spans)
    return segments


def _outermost(text: str, spans: list[tuple[int, int, Form]]) -> list[Segment]:
    """The text cut at spans; of two that overlap, a script's JSON in a page say, the first."""
    found, at = [], 0
    for start, end, form in spans:
        if start >= at:
            found += [Segment("text", text[at:start]), Segment(form, text[start:end])]
            at = end
    found.append(Segment("text", text[at:]))
    return [segment for segment in found if segment.text]


def _with_lines(segments: list[Segment]) -> list[Segment]:
    """The same with three JSON objects or more, each in a line of its own, as one segment."""
    found: list[Segment] = []
    at = 0
    while at < len(segments):
        end = at
        while (
            end + 2 < len(segments)
            and segments[end][0] == segments[end + 2][0] == "json"
            and segments[end + 1].text == "\n"
            and "\n" not in segments[end].text + segments[end + 2].text
        ):
            end += 2
        if end - at >= 4:
            lines = "".join(segment.text for segment in segments[at : end + 1])
            found.append(Segment("jsonl", lines))
        else:
            found += segments[at : end + 1]
        at = end + 1
    return found


def _cut(segments: list[Segment], form: Form, find: _Find) -> list[Segment]:
    found = []
    for segment in segments:
        if segment.form != "text":
            found.append(segment)
            continue
        text, at = segment.text, 0
        for start, end in find(text):
            found += [Segment("text", text[at:start]), Segment(form, text[start:end])]
            at = end
        found.append(Segment("text", text[at:]))
    return [segment for segment in found if segment.text]


def _json_spans(text: str) -> Iterator[tuple[int, int]]:
    at = failures = failed = 0
    while (found := _JSON_START.search(text, at)) is not None:
        start = found.start()
        try:
            _, end = decode_at(text, start)
        except (ValueError, RecursionError) as error:
            failures += 1
            failed += getattr(error, "pos", len(text)) - start
            if failures > _MOST_FAILURES or failed > _FAILED_CHARACTERS:
                return
            at = start + 1
            continue
        if end - start >= _SHORTEST or text[end : end + 2] == "\n{":
            yield start, end
        at = end


def _html_spans(text: str) -> Iterator[tuple[int, int]]:
    lowered = text.lower() if len(text.lower()) == len(text) else text
    at = 0
    while (found := _HTML_START.search(text, at)) is not None:
        tag = found.group().lower().lstrip("<").split()[0]
        closing = "</html>" if tag.startswith("!") else f"</{tag}>"
        end = lowered.rfind(closing, found.end())
        end = end + len(closing) if end >= 0 else _last_tag(text, tag, found.end())
        if end < 0:
            at = found.end()
            continue
        if looks_like_html(text[found.start() : end]):
            yield found.start(), end
        at = end


def _last_tag(text: str, tag: str, start: int) -> int:
    """Where the last end tag of a page without its own ends; -1 for none, and for other tags."""
    if tag not in _WHOLE_PAGE:
        return -1
    at = len(text)
    for _ in range(_MOST_FAILURES):
        at = text.rfind("</", start, at)
        found = None if at < 0 else _END_TAG.match(text, at)
        if found is not None:
            return found.end()
    return -1


def _table_spans(text: str) -> Iterator[tuple[int, int]]:
    lines = text.split("\n")
    places = [0]
    for line in lines:
        places.append(places[-1] + len(line) + 1)
    at = 0
    while at < len(lines):
        if not is_table_at(lines, at):
            at += 1
            continue
        end = at + 2
        while end < len(lines) and "|" in lines[end]:
            end += 1
        yield places[at], places[end] - 1
        at = end


def _log_spans(text: str) -> Iterator[tuple[int, int]]:
    start = count = at = 0
    end = 0
    for line in text.split("\n"):
        is_log = _LOG_LINE.match(line) is not None
        # A stack trace's lines belong to the line before them.
        if is_log or (count and line[:1] in (" ", "\t")):
            if not count:
                start = at
            count += 1
            end = at + len(line)
        else:
            if count >= _FEWEST_LOG_LINES:
                yield start, end
            count = 0
        at += len(line) + 1
    if count >= _FEWEST_LOG_LINES:
        yield start, end
