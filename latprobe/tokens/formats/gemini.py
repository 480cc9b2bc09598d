"""Gemini's generateContent: contents of parts without types, in camel or snake case."""

from __future__ import annotations

from collections.abc import Mapping

from latprobe.tokens.formats.content import read_content
from latprobe.tokens.formats.messages import read_messages
from latprobe.tokens.formats.openai_chat import read_choices
from latprobe.tokens.formats.tool_blocks import read_definition
from latprobe.tokens.json_values import first_at, list_at, mapping_at, text_at
from latprobe.tokens.reading import Reading, Turn


def read(request: object, response: object) -> Reading | None:
    """A request with `contents`, or a list of contents; None for any other."""
    fields: Mapping[str, object] = {}
    if isinstance(request, (dict, Mapping)):
        if "contents" not in request:
            return None
        contents: object = request["contents"]
        fields = request
    elif isinstance(request, list) and request and all(_is_content(item) for item in request):
        contents = request
    else:
        return None
    reading = Reading("gemini")
    config = mapping_at(fields, "config", "generationConfig")
    system = _either(fields, config, "systemInstruction", "system_instruction")
    if system is not None:
        inner = first_at(system, "parts") if isinstance(system, (dict, Mapping)) else None
        pieces = read_content(system if inner is None else inner, reading)
        reading.input.append(Turn("system", tuple(pieces)))
    reading.input += read_messages(contents, reading, role="user")
    for tool in list_at(fields, "tools") or list_at(config, "tools"):
        reading.tools += read_definition(tool, reading)
    reading.output = _read_answer(response, reading)
    return reading


def _either(fields: Mapping[str, object], config: Mapping[str, object], *names: str) -> object:
    found = first_at(fields, *names)
    return first_at(config, *names) if found is None else found


def _is_content(item: object) -> bool:
    """Whether it is a content of Gemini's: its parts have no types, gen_ai's have."""
    if not isinstance(item, (dict, Mapping)) or not isinstance(item.get("parts"), list):
        return False
    parts = item["parts"]
    return bool(parts) and not any(
        isinstance(part, (dict, Mapping)) and "type" in part for part in parts
    )


def _read_answer(response: object, reading: Reading) -> list[Turn]:
    if not isinstance(response, (dict, Mapping)) or not isinstance(
        response.get("candidates"), list
    ):
        return read_choices(response, reading)
    found: list[Turn] = []
    for candidate in response["candidates"]:
        if not isinstance(candidate, (dict, Mapping)):
            reading.note("a candidate is no object")
            continue
        reason = text_at(candidate, "finishReason", "finish_reason")
        if reason is not None:
            reading.finish_reasons.append(reason)
        if candidate.get("content") is not None:
            found += read_messages(candidate["content"], reading, role="model")
    return found
