"""What a chat completion request asks for, as far as the simulated model heeds it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """Messages, and how to send the reply; `max_tokens` None means to its end."""

    model: str
    messages: tuple[Mapping[str, object], ...]
    is_stream: bool = False
    has_usage: bool = False
    max_tokens: int | None = None

    @classmethod
    def from_json(cls, body: bytes) -> ChatRequest:
        """The request in a POST body; ValueError says what is wrong with it."""
        fields = json.loads(body)
        messages = fields.get("messages") if isinstance(fields, dict) else None
        if not isinstance(messages, list) or not messages:
            raise ValueError("The body is not a JSON object with a list of messages.")
        if not all(isinstance(message, dict) for message in messages):
            raise ValueError("Each of the messages must be an object.")
        options = fields.get("stream_options") or {}
        return cls(
            model=str(fields.get("model")),
            messages=tuple(messages),
            is_stream=bool(fields.get("stream")),
            has_usage=bool(options.get("include_usage")),
            max_tokens=fields.get("max_completion_tokens") or fields.get("max_tokens"),
        )
