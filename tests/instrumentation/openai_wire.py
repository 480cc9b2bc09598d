"""OpenAI's answers on the wire: chat completions, responses, embeddings; whole and streamed."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

WORDS = ("The ", "rent ", "is ", "due ", "now.")
ERROR = {"error": {"message": "Slow down.", "type": "rate_limit_exceeded", "code": "rate_limit"}}
# What every chat answer used.
USAGE = {
    "prompt_tokens": 120,
    "completion_tokens": 30,
    "total_tokens": 150,
    "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 12, "audio_tokens": 0},
}
RESPONSES_USAGE = {
    "input_tokens": 120,
    "input_tokens_details": {"cached_tokens": 64},
    "output_tokens": 30,
    "output_tokens_details": {"reasoning_tokens": 12},
    "total_tokens": 150,
}
EMBEDDING_TOKENS = 9
TOOL_CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "rent_of", "arguments": '{"flat": 3}'},
}


def served_model(model: str) -> str:
    """The name that the answer carries: a dated version, as OpenAI's do."""
    return f"{model}-2026-01-01"


def answer(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The whole answer to a request."""
    model = served_model(body["model"])
    if path.endswith("/embeddings"):
        vectors = [
            {"object": "embedding", "index": i, "embedding": [0.5, 0.25]}
            for i in range(len(body["input"]) if isinstance(body["input"], list) else 1)
        ]
        usage = {"prompt_tokens": EMBEDDING_TOKENS, "total_tokens": EMBEDDING_TOKENS}
        return {"object": "list", "data": vectors, "model": model, "usage": usage}
    if path.endswith("/responses"):
        return _response(model)
    message: dict[str, Any] = {"role": "assistant", "content": "".join(WORDS)}
    reason = "stop"
    if body.get("tools") and not any(m["role"] == "tool" for m in body["messages"]):
        message = {"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]}
        reason = "tool_calls"
    choice = {"index": 0, "message": message, "finish_reason": reason, "logprobs": None}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [choice],
        "usage": USAGE,
    }


def stream(path: str, body: dict[str, Any]) -> Iterator[bytes]:
    """The events of a streamed answer."""
    model = served_model(body["model"])
    if path.endswith("/responses"):
        yield from _response_events(model)
        return
    words = itertools.cycle(WORDS) if body["model"] == "long" else iter(WORDS)
    yield _chunk(model, {"role": "assistant", "content": ""})
    for word in words:
        yield _chunk(model, {"content": word})
    yield _chunk(model, {}, reason="stop")
    if (body.get("stream_options") or {}).get("include_usage"):
        yield _event({**_chunk_body(model), "choices": [], "usage": USAGE})
    yield b"data: [DONE]\n\n"


def _chunk_body(model: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model}


def _chunk(model: str, delta: dict[str, Any], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
    return _event({**_chunk_body(model), "choices": [choice]})


def _event(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def _response(model: str, status: str = "completed") -> dict[str, Any]:
    text = {"type": "output_text", "text": "".join(WORDS), "annotations": []}
    message = {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": status,
        "content": [text] if status == "completed" else [],
    }
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": status,
        "model": model,
        "output": [message] if status == "completed" else [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": RESPONSES_USAGE if status == "completed" else None,
    }


def _response_events(model: str) -> Iterator[bytes]:
    numbers = itertools.count()

    def event(kind: str, **more: Any) -> bytes:
        value = {"type": kind, "sequence_number": next(numbers), **more}
        return f"event: {kind}\n".encode() + _event(value)

    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    yield event("response.created", response=_response(model, "in_progress"))
    for word in WORDS:
        yield event("response.output_text.delta", delta=word, logprobs=[], **place)
    yield event("response.completed", response=_response(model))
