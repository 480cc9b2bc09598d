"""LangChain's messages, as callbacks, tracers and `dumpd` write them."""

from __future__ import annotations

from collections.abc import Mapping

from latprobe.tokens.formats.messages import read_messages
from latprobe.tokens.formats.openai_chat import read_choices
from latprobe.tokens.formats.tool_blocks import read_definition
from latprobe.tokens.json_values import first_at, list_at, mapping_at, text_at
from latprobe.tokens.reading import Reading, Turn

_ROLES = {
    "human": "user",
    "humanmessage": "user",
    "humanmessagechunk": "user",
    "ai": "assistant",
    "aimessage": "assistant",
    "aimessagechunk": "assistant",
    "system": "system",
    "systemmessage": "system",
    "developer": "system",
    "tool": "tool",
    "toolmessage": "tool",
    "function": "tool",
    "functionmessage": "tool",
    "user": "user",
    "assistant": "assistant",
}


def read(request: object, response: object) -> Reading | None:
    """Messages told by LangChain's types, alone or under `messages`, batched or not; else None."""
    messages = request.get("messages") if isinstance(request, (dict, Mapping)) else request
    if isinstance(messages, (dict, Mapping)):
        messages = [messages]
    if isinstance(messages, list) and len(messages) == 1 and isinstance(messages[0], list):
        messages = messages[0]
    if not isinstance(messages, list) or not any(_is_own(item) for item in messages):
        return None
    reading = Reading("langchain")
    reading.input = [turn for item in messages for turn in _read_message(item, reading)]
    fields = request if isinstance(request, (dict, Mapping)) else {}
    inner = mapping_at(fields, "invocation_params", "kwargs") or fields
    for tool in list_at(inner, "tools") + list_at(inner, "functions"):
        reading.tools += read_definition(tool, reading)
    reading.output = _read_answer(response, reading)
    return reading


def _is_own(item: object) -> bool:
    if isinstance(item, (list, tuple)):
        return len(item) == 2 and str(item[0]).lower() in _ROLES
    if not isinstance(item, (dict, Mapping)) or "role" in item:
        return False
    if "lc" in item and isinstance(item.get("kwargs"), (dict, Mapping)):
        return True
    kind = item.get("type")
    has_content = "content" in item or isinstance(item.get("data"), (dict, Mapping))
    return isinstance(kind, str) and kind.lower() in _ROLES and has_content


def _read_message(item: object, reading: Reading) -> list[Turn]:
    if isinstance(item, (list, tuple)) and len(item) == 2:
        role = _ROLES.get(str(item[0]).lower())
        return read_messages([{"role": role or str(item[0]), "content": item[1]}], reading)
    if not isinstance(item, (dict, Mapping)):
        return read_messages([item], reading)
    fields = mapping_at(item, "kwargs", "data") or item
    return read_messages([_as_chat(item, fields)], reading)


def _as_chat(item: Mapping[str, object], fields: Mapping[str, object]) -> dict[str, object]:
    """The message with a role; calls from the one of the two places that has them."""
    extra = mapping_at(fields, "additional_kwargs")
    calls = first_at(fields, "tool_calls") or first_at(extra, "tool_calls", "function_call")
    content = fields.get("content")
    if calls and isinstance(content, list):
        # Anthropic's content repeats the calls as blocks.
        content = [block for block in content if not _is_call(block)]
    return {
        "role": _role(item, fields),
        "content": content,
        "name": fields.get("name"),
        "tool_call_id": fields.get("tool_call_id"),
        "tool_calls": calls,
        "reasoning_content": extra.get("reasoning_content"),
    }


def _is_call(block: object) -> bool:
    return isinstance(block, (dict, Mapping)) and block.get("type") in ("tool_use", "tool_call")


def _role(item: Mapping[str, object], fields: Mapping[str, object]) -> str:
    named = text_at(fields, "role") or text_at(item, "role")
    if named:
        return named
    path = item.get("id")
    found = text_at(fields, "type") or text_at(item, "type")
    if "lc" in item and isinstance(path, list) and path:
        found = str(path[-1])
    return _ROLES.get((found or "").lower(), found or "user")


def _read_answer(response: object, reading: Reading) -> list[Turn]:
    """An answer's message, or the generations of an LLMResult."""
    if isinstance(response, (dict, Mapping)) and isinstance(response.get("generations"), list):
        flat = [
            one
            for generation in response["generations"]
            for one in (generation if isinstance(generation, list) else [generation])
        ]
        return [turn for one in flat for turn in _read_generation(one, reading)]
    if isinstance(response, (dict, Mapping)) and _is_own(response):
        return _read_generation({"message": response}, reading)
    return read_choices(response, reading)


def _read_generation(generation: object, reading: Reading) -> list[Turn]:
    if not isinstance(generation, (dict, Mapping)):
        return read_choices(generation, reading)
    message = mapping_at(generation, "message")
    fields = mapping_at(message, "kwargs", "data") or message
    info = mapping_at(generation, "generation_info") or mapping_at(fields, "response_metadata")
    reason = text_at(info, "finish_reason", "stop_reason")
    if reason is not None:
        reading.finish_reasons.append(reason)
    if message:
        turns = _read_message(message, reading)
        return [Turn("assistant", turn.pieces, turn.name) for turn in turns]
    return read_choices(text_at(generation, "text"), reading)
