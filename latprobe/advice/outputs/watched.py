"""Which fields of answers were read, as `latprobe.watch_fields` recorded it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from latprobe.advice.context import Context
from latprobe.read_fields import FIELDS, READ


@dataclass(slots=True)
class WatchedAnswers:
    """Answers of one shape watched in one stage: how many had a field, and in how many requests
    it was read. `read_any` counts requests that read at least one."""

    stage: str
    answers: int = 0
    read_any: int = 0
    had: Counter[str] = field(default_factory=Counter)
    read: Counter[str] = field(default_factory=Counter)

    @property
    def unread(self) -> list[str]:
        """Fields that no request read, nor anything inside them; without those inside others."""
        missing = [
            path
            for path in self.had
            if not any(_is_within(other, path) for other in self.read if self.read[other])
        ]
        return [
            path
            for path in missing
            if not any(_is_within(path, other) for other in missing if other != path)
        ]


def watched_answers(context: Context) -> dict[str, WatchedAnswers]:
    """By the stage in which answers were watched; empty where nothing was."""
    sampled = context.sampled
    names, texts = sampled.table["name"], sampled.table["attributes"]
    traces = sampled.table["trace"].to_pylist()
    reads: dict[int, set[str]] = defaultdict(set)
    watches: list[tuple[str, int, list[str]]] = []
    for name, text, trace in zip(names.to_pylist(), texts.to_pylist(), traces, strict=True):
        if text is None or "latprobe.answer." not in text:
            continue
        attributes = json.loads(text)
        reads[trace].update(_words(attributes.get(READ)))
        fields = _words(attributes.get(FIELDS))
        if fields:
            watches.append((name, trace, fields))
    found: dict[str, WatchedAnswers] = {}
    for name, trace, fields in watches:
        answer = found.setdefault(name, WatchedAnswers(name))
        read = reads[trace].intersection(fields)
        answer.answers += 1
        answer.read_any += bool(read)
        answer.had.update(fields)
        answer.read.update(read)
    return found


def _words(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


def _is_within(path: str, outer: str) -> bool:
    """Whether a field is the other one or stands inside it."""
    return path == outer or path.startswith((f"{outer}.", f"{outer}["))
