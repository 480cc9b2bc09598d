"""Where XML elements with rows of short values stand in a text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from latprobe.advice.compress.xml_rows import read_rows

_OPENS = re.compile(r"(?:(?<=[\s:>`(])|^)<([A-Za-z_][\w.-]*)(?:\s[^<>]*)?>")
# Each start tag could be the element's: so many are tried, on so many characters in all.
_MOST_TRIED, _TRIED_CHARACTERS = 50, 2_000_000
_FIRST_ROW = re.compile(r"<[^<>]*>\s*<([A-Za-z_][\w.-]*)[\s>]")
_FEWEST_ROWS = 5
# A page's, which is `html_text`'s to write.
_OF_HTML = frozenset(
    {
        *("html", "head", "body", "main", "article", "section", "header", "footer", "nav", "aside"),
        *("div", "span", "p", "a", "ul", "ol", "dl", "table", "thead", "tbody", "tr", "select"),
        *("form", "script", "style", "svg", "pre", "code", "blockquote", "figure", "details"),
    }
)


def xml_spans(text: str) -> Iterator[tuple[int, int]]:
    """The outermost elements that have nothing but rows, as (start, end)."""
    at = tried = characters = 0
    while (found := _OPENS.search(text, at)) is not None:
        if found[1].lower() in _OF_HTML:
            at = found.end()
            continue
        end = _end_of(text, found[1], found.start())
        characters += (len(text) if end is None else end) - found.start()
        tried += 1
        if end is not None and _has_rows(text[found.start() : end]):
            yield found.start(), end
            at = end
            continue
        if tried >= _MOST_TRIED or characters > _TRIED_CHARACTERS:
            return
        at = found.end()


def _has_rows(text: str) -> bool:
    first = _FIRST_ROW.match(text)
    if first is None or text.count(f"</{first[1]}>") < _FEWEST_ROWS:
        return False
    return read_rows(text) is not None


def _end_of(text: str, tag: str, start: int) -> int | None:
    """Where the element that begins there ends; None where it does not."""
    depth = 0
    for found in re.finditer(rf"<(/?){re.escape(tag)}(?=[\s>/])[^<>]*>", text[start:]):
        if found[0].endswith("/>"):
            continue
        depth += -1 if found[1] else 1
        if depth == 0:
            return start + found.end()
    return None
