"""LlamaIndex's chat messages: blocks by `block_type`, calls among the additional arguments."""

from __future__ import annotations

from collections.abc import Mapping

from latprobe.tokens.formats.messages import read_messages
from latprobe.tokens.formats.openai_chat import offered_tools, read_choices
from latprobe.tokens.formats.tool_blocks import read_definition
from latprobe.tokens.json_values import as_text, mapping_at
from latprobe.tokens.reading import Reading, Turn


def read(request: object, response: object) -> Reading | None:
    """Messages with LlamaIndex's fields, alone or under `messages`; None for any other."""
    messages = request.get("messages") if isinstance(request, (dict, Mapping)) else request
    if not isinstance(messages, list) or not any(_is_own(item) for item in messages):
        return None
    reading = Reading("llama_index")
    reading.input = [turn for item in messages for turn in _read_message(item, reading)]
    if isinstance(request, (dict, Mapping)):
        extra = mapping_at(request, "additional_kwargs", "kwargs")
        for tool in offered_tools(request) + offered_tools(extra):
            reading.tools += read_definition(tool, reading)
    reading.output = _read_answer(response, reading)
    return reading


def _is_own(item: object) -> bool:
    return isinstance(item, (dict, Mapping)) and (
        isinstance(item.get("blocks"), list)
        or ("role" in item and isinstance(item.get("additional_kwargs"), (dict, Mapping)))
    )


def _read_message(item: object, reading: Reading) -> list[Turn]:
    if not isinstance(item, (dict, Mapping)):
        return read_messages([item], reading)
    extra = mapping_at(item, "additional_kwargs")
    message = {
        "role": _role(item.get("role")),
        "content": item.get("blocks") or item.get("content"),
        "tool_calls": extra.get("tool_calls"),
        "tool_call_id": extra.get("tool_call_id"),
        "name": extra.get("name"),
    }
    return read_messages([message], reading)


def _role(role: object) -> str:
    """The role's word; an enumeration's value may have been written as `MessageRole.USER`."""
    return as_text(role or "user").rpartition(".")[2].lower()


def _read_answer(response: object, reading: Reading) -> list[Turn]:
    message = response.get("message") if isinstance(response, (dict, Mapping)) else None
    if isinstance(message, (dict, Mapping)) and _is_own(message):
        return _read_message(message, reading)
    if _is_own(response):
        return _read_message(response, reading)
    return read_choices(response, reading)
