"""Retrieved texts and examples inside a longer text, where the text itself marks them.

Only clear marks count: a pair of tags, or a label at the start of a line with another label that
ends its block. Cuts fall before a non-blank character after a line's end wherever that is
possible: no tokenizer merges across it, so the blocks' tokens add up to the whole text's.
Everything here takes time linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from latprobe.tokens.example_blocks import labelled_examples, repeated_form

Block = tuple[str, str]
Finder = Callable[[str], Iterator[tuple[int, int]]]

_CONTEXT_TAGS = (
    "context|contexts|document|documents|docs|passage|passages|search_result|search_results|"
    "retrieved_context|retrieved_documents|retrieved|sources|source|snippets|chunks|knowledge|"
    "knowledge_base"
)
_CONTEXT_OPEN = re.compile(rf"<({_CONTEXT_TAGS})(?:\s[^<>]{{0,200}})?>", re.IGNORECASE)
_EXAMPLE_OPEN = re.compile(r"<(examples?)(?:\s[^<>]{0,200})?>", re.IGNORECASE)
_LINE_ENDS = re.compile(r"(?:[ \t\r]*\n)*")

# A label is a line's start: "Context:", "## Context:", "**Context:**".
_LABEL = r"^[ \t]*(?:#+[ \t]*|\*\*)?(?:{words})(?:\*\*)?(?:{end})"
_CONTEXT_LABEL = re.compile(
    _LABEL.format(
        words=r"(?:retrieved |relevant |reference |search |supporting |source )?"
        r"(?:contexts?|documents?|passages?|sources?|excerpts?|search results|results|chunks|"
        r"snippets)(?: information)?",
        end=":",
    ),
    re.MULTILINE | re.IGNORECASE,
)
_ASK_LABEL = re.compile(
    _LABEL.format(
        words=r"(?:user |user's |the )?(?:questions?|query|request|instructions?|task|answer|"
        r"helpful answer|final answer|response)",
        end=":",
    ),
    re.MULTILINE | re.IGNORECASE,
)
# How a text ends that asks for the value of its last label.
_OPEN_END = re.compile(r":\**\s*\Z")

_SHORTEST = 24
_REPEATED_CHARACTERS = 16_384


def split_blocks(text: str, *, kind: str) -> list[Block]:
    """The text in order as (kind, text); joined they are the text again."""
    if kind == "system" and len(text) <= _REPEATED_CHARACTERS:
        return _split_repeated(text)
    return _split(text, kind)


@lru_cache(maxsize=256)
def _split_repeated(text: str) -> list[Block]:
    """Nearly all calls repeat the system text of others."""
    return _split(text, "system")


def _split(text: str, kind: str) -> list[Block]:
    blocks = [(kind, text)]
    has_tags, has_colon = "</" in text, ":" in text
    if len(text) < _SHORTEST or not (has_tags or has_colon):
        return blocks
    if has_tags:
        blocks = _cut(blocks, kind, "retrieved", lambda part: _tagged(_CONTEXT_OPEN, part))
        blocks = _cut(blocks, kind, "few_shot", lambda part: _tagged(_EXAMPLE_OPEN, part))
    if "xample" in text or "XAMPLE" in text:
        blocks = _cut(blocks, kind, "few_shot", _examples)
    if kind == "user" and has_colon and _OPEN_END.search(text, max(0, len(text) - 64)):
        blocks = _cut(blocks, kind, "few_shot", repeated_form)
    if has_colon and all(found != "retrieved" for found, _ in blocks):
        blocks = _cut(blocks, kind, "retrieved", _labelled_context)
    return blocks if len(blocks) == 1 else joined(blocks)


def _cut(blocks: list[Block], base: str, kind: str, find: Finder) -> list[Block]:
    """Cuts what still is of the base kind wherever `find` finds something."""
    found: list[Block] = []
    for block_kind, text in blocks:
        if block_kind != base:
            found.append((block_kind, text))
            continue
        at = 0
        for start, end in find(text):
            found += [(base, text[at:start]), (kind, text[start:end])]
            at = end
        found.append((base, text[at:]))
    return [block for block in found if block[1]]


def _tagged(opening: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    """From each opening tag to its own closing one, the tags included."""
    lowered = text.lower() if len(text.lower()) == len(text) else text
    unclosed: set[str] = set()
    at = 0
    while (match := opening.search(text, at)) is not None:
        name = match.group(1).lower()
        close = -1 if name in unclosed else lowered.find(f"</{name}>", match.end())
        if close < 0:
            unclosed.add(name)
            at = match.end()
            continue
        at = past_line_ends(text, close + len(name) + 3)
        yield match.start(), at


def _labelled_context(text: str) -> Iterator[tuple[int, int]]:
    """From a context's label to the next question's; to the end only after a question's."""
    label = _at_line(_CONTEXT_LABEL, text, 0, len(text))
    if label is None:
        return
    end = _at_line(_ASK_LABEL, text, label.end(), len(text))
    if end is not None:
        yield label.start(), end.start()
    elif _at_line(_ASK_LABEL, text, 0, label.start()) is not None:
        yield label.start(), len(text)


def _at_line(pattern: re.Pattern[str], text: str, start: int, end: int) -> re.Match[str] | None:
    """What `pattern.search` finds for a pattern that begins with a line: `re` would try it at each
    character."""
    is_line = not start or text[start - 1 : start] == "\n"
    at = start if is_line else text.find("\n", start, end) + 1
    while at or (is_line and at == start):
        found = pattern.match(text, at, end)
        if found is not None:
            return found
        is_line = False
        at = text.find("\n", at, end) + 1
    return None


def _examples(text: str) -> Iterator[tuple[int, int]]:
    for start, end in labelled_examples(text):
        yield start, past_line_ends(text, end)


def past_line_ends(text: str, at: int) -> int:
    """The place behind the blank lines that follow: nothing merges with what comes after it."""
    found = _LINE_ENDS.match(text, at)
    end = at if found is None else found.end()
    return end if text[end : end + 4096].strip() or len(text) - end > 4096 else len(text)


def joined(blocks: list[Block]) -> list[Block]:
    """Touching blocks of one kind as one; blanks alone go to the block before, or after them."""
    runs: list[tuple[str, list[str]]] = []
    for kind, text in blocks:
        if runs and (runs[-1][0] == kind or not text.strip()):
            runs[-1][1].append(text)
        else:
            runs.append((kind, [text]))
    found = [(kind, "".join(texts)) for kind, texts in runs]
    if len(found) > 1 and not found[0][1].strip():
        found[:2] = [(found[1][0], found[0][1] + found[1][1])]
    return found
