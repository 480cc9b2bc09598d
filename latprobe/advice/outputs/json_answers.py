"""The JSON in an answer, and what stands around it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from latprobe.advice.compress.exact_json import decode_at, encode

_FENCE = re.compile(r"^\s*```[\w-]*[ \t]*\n(.*?)\n?```\s*$", re.S)
_START = re.compile(r"[{\[]")
# An answer has its JSON near its beginning; broken ones are not tried at every bracket.
_MOST_TRIED = 20


@dataclass(frozen=True, slots=True)
class JsonAnswer:
    """`before` and `after` are the prose around `text`, fences included; empty for bare JSON."""

    value: Any
    text: str
    before: str
    after: str

    @property
    def is_bare(self) -> bool:
        """Whether the answer is nothing but JSON."""
        return not self.before.strip() and not self.after.strip()


def find_json(answer: str) -> JsonAnswer | None:
    """The longest object or list in an answer; None for an answer without one."""
    best: JsonAnswer | None = None
    at = 0
    for _ in range(_MOST_TRIED):
        start = _START.search(answer, at)
        if start is None:
            break
        try:
            value, end = decode_at(answer, start.start())
        except (ValueError, RecursionError):
            at = start.end()
            continue
        at = end
        text = answer[start.start() : end]
        if value and (best is None or len(text) > len(best.text)):
            best = JsonAnswer(value, text, answer[: start.start()], answer[end:])
    return best


def unfenced(answer: str) -> str:
    """The answer without a Markdown fence around all of it."""
    found = _FENCE.match(answer)
    return found.group(1) if found else answer


def compact(value: object) -> str:
    """The value as short JSON, its numbers spelled as they were."""
    return encode(value, is_spelled=True)


def in_style_of(value: object, text: str) -> str:
    """The value as JSON with the blanks and line ends that `text` has."""
    line = re.search(r"\n( *)\S", text)
    if line is not None:
        return json.dumps(value, ensure_ascii=False, indent=len(line.group(1)) or None)
    if re.search(r'": |", "', text):
        return json.dumps(value, ensure_ascii=False)
    return compact(value)
