"""Anthropic's answers on the wire: messages, whole and streamed. Its input tokens leave out the
cached ones."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

WORDS = ("The ", "rent ", "is ", "due ", "now.")
ERROR = {"type": "error", "error": {"type": "rate_limit_error", "message": "Slow down."}}
# What every answer used: 120 tokens of input in all, of which 20 were neither read nor written.
USAGE = {
    "input_tokens": 20,
    "cache_read_input_tokens": 64,
    "cache_creation_input_tokens": 36,
    "output_tokens": 30,
}
TOOL_USE = {"type": "tool_use", "id": "toolu_1", "name": "rent_of", "input": {"flat": 3}}


def answer(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The whole answer to a request."""
    wants_tool = bool(body.get("tools"))
    text = {"type": "text", "text": "".join(WORDS)}
    return {
        **_message(body["model"]),
        "content": [TOOL_USE if wants_tool else text],
        "stop_reason": "tool_use" if wants_tool else "end_turn",
        "usage": USAGE,
    }


def stream(path: str, body: dict[str, Any]) -> Iterator[bytes]:
    """The events of a streamed answer."""
    start = {**_message(body["model"]), "usage": {**USAGE, "output_tokens": 1}}
    words = itertools.cycle(WORDS) if body["model"] == "long" else iter(WORDS)
    yield _event("message_start", message=start)
    yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    for word in words:
        yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": word})
    yield _event("content_block_stop", index=0)
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    yield _event("message_delta", delta=end, usage={"output_tokens": USAGE["output_tokens"]})
    yield _event("message_stop")


def _message(model: str) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _event(kind: str, **more: Any) -> bytes:
    value = json.dumps({"type": kind, **more}).encode()
    return f"event: {kind}\n".encode() + b"data: " + value + b"\n\n"
