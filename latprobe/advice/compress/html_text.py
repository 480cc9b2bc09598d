"""HTML as text with Markdown's marks, parsed by selectolax; each word is looked for again.

Near: everything a reader sees, with the addresses of links. Lossy: the article alone, links as
their words. What an independent parser (the standard library's) sees is compared with both.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from html.parser import HTMLParser
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from latprobe.advice.compress.contract import Candidate, Check, Context

name = "html_text"

_SILENT = {"script", "style", "noscript", "template", "svg", "head", "iframe", "object", "math"}
_AROUND = {"nav", "aside", "footer", "form", "button", "dialog", "menu"}
_BLOCKS = {
    *("p", "div", "section", "article", "main", "header", "footer", "nav", "aside", "ul", "ol"),
    *("li", "table", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "figure"),
    *("figcaption", "br", "hr", "dl", "dt", "dd", "form", "body", "html", "address", "details"),
    *("summary", "option", "select", "button", "dialog", "menu", "fieldset", "td", "th", "caption"),
    *("thead", "tbody", "tfoot", "label", "input", "textarea", "title", "legend"),
}
_HEADINGS = {f"h{level}": "#" * level + " " for level in range(1, 7)}
_MARKS = {**_HEADINGS, "li": "- ", "blockquote": "> ", "td": "| ", "th": "| ", "dd": ": "}
_VOID = {
    "br",
    "hr",
    "img",
    "input",
    "meta",
    "link",
    "wbr",
    "area",
    "base",
    "col",
    "embed",
    "source",
}
_TAG = re.compile(r"<(?:!doctype html|html|body|article|main|div|section|table|p|ul|h1)\b", re.I)
_WORD = re.compile(r"\w+")
_TARGET = re.compile(r"\]\(<[^<>]*>\)")
_FEWEST_TAGS = 4
_MOST_LISTED = 40


@cache
def is_installed() -> bool:
    """Whether the parser is there."""
    return find_spec("selectolax") is not None


def candidates(text: str, context: Context) -> list[Candidate]:
    """The page and its article as text; none for what is no HTML, or without the parser."""
    if context.is_json or not looks_like_html(text) or not is_installed():
        return []
    found = []
    links: list[str] = []
    page = _written(text, links, is_article=False)
    words = _words_of(text, is_article=False)
    if words and _WORD.findall(_TARGET.sub("]", page)) == words:
        executed = f"markup is dropped; all {len(words)} words are there, in order"
        found.append(Candidate(page, (name,), "near", Check(executed)))
    targets: list[str] = []
    article = _written(text, targets, is_article=True)
    wanted = _words_of(text, is_article=True)
    if wanted and not Counter(wanted) - Counter(_WORD.findall(article)):
        left_out = len(words) - len(wanted)
        lost = [f"link {target}" for target in dict.fromkeys(targets)][:_MOST_LISTED]
        if left_out > 0:
            lost.insert(0, f"{left_out} words around the article (navigation, forms, footer)")
        check = Check(
            "markup is dropped; an independent parser's words of the article are all there",
            (f"{len(wanted)} of {len(wanted)} words of the article",),
            tuple(lost),
        )
        found.append(Candidate(article, ("html_article",), "lossy", check))
    return found


def looks_like_html(text: str) -> bool:
    """Whether it begins as HTML and has several closed tags."""
    start = text.lstrip()[:64]
    return start.startswith("<") and bool(_TAG.match(start)) and text.count("</") >= _FEWEST_TAGS


def _written(text: str, links: list[str], *, is_article: bool) -> str:
    parser: Any = import_module("selectolax.lexbor").LexborHTMLParser(text)
    root = parser.body
    if root is not None and is_article:
        root = parser.css_first("article") or parser.css_first("main") or root
    return "" if root is None else _Writer(links, is_article=is_article).write(root)


class _Writer:
    """Writes a tree's text; without recursion, since pages nest deeply."""

    def __init__(self, links: list[str], *, is_article: bool) -> None:
        self._links = links
        self._is_article = is_article
        self._out: list[str] = []
        self._is_kept = 0

    def write(self, root: Any) -> str:
        node, is_entering = root, True
        # Nodes are compared by where they are: `==` writes both of them out first.
        top = root.mem_id
        while True:
            goes_down = self._enter(node) if is_entering else False
            if goes_down and node.child is not None:
                node = node.child
                continue
            if is_entering and node.tag != "-text" and goes_down:
                self._leave(node)
            if node.mem_id == top:
                break
            if node.next is not None:
                node, is_entering = node.next, True
            else:
                node, is_entering = node.parent, False
                self._leave(node)
                if node.mem_id == top:
                    break
                while node.next is None:
                    node = node.parent
                    self._leave(node)
                    if node.mem_id == top:
                        return self._text()
                node, is_entering = node.next, True
        return self._text()

    def _enter(self, node: Any) -> bool:
        """Writes what stands before a node's content; says whether to go in."""
        tag = node.tag
        if tag == "-text":
            text = node.text_content or ""
            self._out.append(text if self._is_kept else re.sub(r"\s+", " ", text))
            return False
        if tag in _SILENT or tag.startswith("-") or (self._is_article and tag in _AROUND):
            return False
        if tag in _BLOCKS:
            self._out.append(" " if tag in ("td", "th") else "\n")
        self._out.append(_MARKS.get(tag, ""))
        self._is_kept += tag == "pre"
        if tag == "a" and not self._is_article and node.attributes.get("href"):
            self._out.append("[")
        return True

    def _leave(self, node: Any) -> None:
        tag = node.tag
        target = node.attributes.get("href") if tag == "a" else None
        if target:
            self._links.append(target)
            if not self._is_article:
                self._out.append(f"](<{target.translate(_ANGLES)}>)")
        self._is_kept -= tag == "pre"
        if tag in _BLOCKS:
            self._out.append(" " if tag in ("td", "th") else "\n")

    def _text(self) -> str:
        lines = "".join(self._out).split("\n")
        return "\n".join(line for line in map(_tidy, lines) if line.strip(" #->|:"))


_ANGLES = {ord("<"): "%3C", ord(">"): "%3E", ord("\n"): ""}


def _tidy(line: str) -> str:
    return re.sub(r"[ \t]{2,}", " ", line.rstrip()) if line[:1] != " " else line.strip()


def _words_of(text: str, *, is_article: bool) -> list[str]:
    reader = _Reader(is_article=is_article, root=_root(text) if is_article else None)
    reader.feed(text)
    reader.close()
    return _WORD.findall("".join(reader.found))


def _root(text: str) -> str | None:
    lowered = text.lower()
    return next((tag for tag in ("article", "main") if f"<{tag}" in lowered), None)


class _Reader(HTMLParser):
    """The words that the standard library's parser sees."""

    def __init__(self, *, is_article: bool, root: str | None) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._silent = _SILENT | _AROUND if is_article else _SILENT
        self._muted: list[str] = []
        self._root = root
        self._depth = 0
        self._is_over = False
        self._marks_links = not is_article
        self._links: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._depth += tag == self._root
        if tag in _BLOCKS:
            self.found.append(" ")
        if tag == "a":
            # The brackets that are written for a link part it from the words beside it.
            self._links.append(self._marks_links and any(n == "href" and v for n, v in attrs))
            self.found.append(" " if self._links[-1] else "")
        if tag in self._silent and tag not in _VOID:
            self._muted.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag == self._root and self._depth:
            self._depth -= 1
            self._is_over = self._is_over or not self._depth
        if tag in _BLOCKS:
            self.found.append(" ")
        if tag == "a" and self._links and self._links.pop():
            self.found.append(" ")
        if self._muted and self._muted[-1] == tag:
            self._muted.pop()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self.found.append(" ")

    def handle_data(self, data: str) -> None:
        is_inside = self._root is None or (self._depth > 0 and not self._is_over)
        if is_inside and not self._muted:
            self.found.append(data)
