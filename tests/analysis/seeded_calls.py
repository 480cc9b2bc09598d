"""Model calls with their parts, for questions about tokens."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

from tests.analysis.seeding import EPOCH_NS, MemoryStore, seed, trace_hex

# A part of a call: side, kind, number of its text (None: overhead), tokens.
PartSeed = tuple[str, str, int | None, int | None]


def template_uuid(number: int) -> str:
    """The id of the template with this number, with dashes as the store has it."""
    return str(uuid.UUID(int=number))


class CallStore(MemoryStore):
    """A store to which whole model calls are added."""

    def __init__(self) -> None:
        super().__init__()
        self.add_run()

    def add_template(self, number: int, name: str, *, merged_into: int | None = None) -> None:
        """A template whose text is "text of NAME"."""
        merged = None if merged_into is None else uuid.UUID(int=merged_into).hex
        row = {
            "template_id": template_uuid(number),
            "name": name,
            "stage": "llm",
            "source": "found",
            "text": f"text of {name}",
            "first_seen_ns": EPOCH_NS,
            "state": json.dumps({"merged_into": merged}),
        }
        self._insert("templates", row)

    def add_text(self, number: int, text: str | None, *, media: str | None = None) -> None:
        """A part's content under the number that stands for its hash."""
        size = len(text) if text is not None else 100
        row = {
            "hash": str(uuid.UUID(int=number)),
            "part": "user",
            "bytes": size,
            "characters": size,
            "text": text,
            "truncated": False,
            "media": media,
        }
        self._insert("prompts", row)

    def add_call(
        self, trace: int, parts: Sequence[PartSeed] = (), *, span_id: int = 1, **usage: Any
    ) -> None:
        """A call that starts at `trace` seconds, with its span; `attributes` are the span's."""
        attributes = usage.pop("attributes", None)
        parent = usage.pop("parent", None)
        stage = usage.get("stage", "llm")
        start = trace * 1000
        span = seed(span_id, parent, stage, start, start + 5, trace, attributes=attributes)
        self.add_spans([span])
        exact = {"is_exact": True, "input_origin": "provider", "output_origin": "provider"}
        when = EPOCH_NS + trace * 1_000_000_000
        self.add_usage(trace, span_id, **{**exact, "start_ns": when, **usage})
        for position, (side, kind, number, tokens) in enumerate(parts):
            row = {
                "trace_id": trace_hex(trace),
                "span_id": span_id,
                "position": position,
                "side": side,
                "part": kind,
                "hash": None if number is None else str(uuid.UUID(int=number)),
                "tokens": tokens,
                "tokens_estimated": False,
            }
            self._insert("call_parts", row)

    def add_tool(self, trace: int, name: str, *, called: bool, span_id: int = 1) -> None:
        """A tool that a call offers."""
        row = {"trace_id": trace_hex(trace), "span_id": span_id, "name": name}
        self._insert("tool_use", {**row, "offered": True, "called": called})


def system_and_user(system: int, user: int, tokens: int, answer: int = 9) -> list[PartSeed]:
    """A prompt of a 10-token system text, a user text and 3 tokens of overhead, and an answer."""
    return [
        ("input", "system", system, 10),
        ("input", "user", user, tokens),
        ("input", "overhead", None, 3),
        ("output", "output", answer, 5),
    ]
