"""The JSON of OpenAI's chat completions, as the simulated model fills it.

Shapes: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

from simulated_model.model import MODEL_NAME, Generation

Json = Mapping[str, object]

SSE_DONE = b"data: [DONE]\n\n"


def sse(event: Json) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n"


def completion(generation: Generation, *, text: str) -> Json:
    """The body of a reply that is not streamed."""
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": generation.finish_reason,
    }
    head = _head(generation, kind="chat.completion")
    return {**head, "choices": [choice], "usage": usage(generation)}


def chunk(generation: Generation, *, delta: Json, finish_reason: str | None = None) -> Json:
    """One event of a streamed reply."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return {**_head(generation, kind="chat.completion.chunk"), "choices": [choice]}


def usage_chunk(generation: Generation) -> Json:
    """The last event before `[DONE]` when the request asked for usage: no choices."""
    head = _head(generation, kind="chat.completion.chunk")
    return {**head, "choices": [], "usage": usage(generation)}


def usage(generation: Generation) -> Json:
    """Token counts by the rule of `tokens.py`."""
    output_tokens = len(generation.pieces)
    return {
        "prompt_tokens": generation.input_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": generation.input_tokens + output_tokens,
        "prompt_tokens_details": {"cached_tokens": generation.cached_tokens},
    }


def models() -> Json:
    """The body of GET /v1/models."""
    model = {"id": MODEL_NAME, "object": "model", "created": 0, "owned_by": "simulated"}
    return {"object": "list", "data": [model]}


def error(message: str, *, kind: str) -> Json:
    """The body of an HTTP error."""
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def _head(generation: Generation, *, kind: str) -> Json:
    return {
        "id": f"chatcmpl-simulated-{generation.number}",
        "object": kind,
        "created": int(time.time()),
        "model": MODEL_NAME,
        "system_fingerprint": "simulated",
    }
