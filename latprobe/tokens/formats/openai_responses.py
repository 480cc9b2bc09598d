"""OpenAI's responses: instructions, and an input of text or items."""

from __future__ import annotations

from collections.abc import Mapping

from latprobe.tokens.formats.messages import read_messages
from latprobe.tokens.formats.openai_chat import read_choices
from latprobe.tokens.formats.tool_blocks import read_definition
from latprobe.tokens.json_values import list_at, mapping_at, text_at
from latprobe.tokens.reading import Reading, Turn

_OWN_FIELDS = frozenset(
    {
        "instructions",
        "max_output_tokens",
        "previous_response_id",
        "conversation",
        "reasoning",
        "store",
        "text",
        "truncation",
    }
)


def read(request: object, response: object) -> Reading | None:
    """A request with `input` that is not one for embeddings; None for any other."""
    if not isinstance(request, (dict, Mapping)) or "messages" in request or "contents" in request:
        return None
    value = request.get("input")
    if not (_is_items(value) or _OWN_FIELDS & request.keys() or _is_response(response)):
        return None
    if value is None and "instructions" not in request:
        return None
    reading = Reading("openai.responses")
    instructions = request.get("instructions")
    if instructions is not None:
        reading.input += read_messages(instructions, reading, role="system")
    reading.input += read_messages(value, reading, role="user")
    for tool in list_at(request, "tools"):
        reading.tools += read_definition(tool, reading)
    if text_at(request, "previous_response_id"):
        reading.note("earlier turns stand in a response that the request only names")
    reading.output = _read_output(response, reading)
    return reading


def _is_items(value: object) -> bool:
    return isinstance(value, list) and any(isinstance(item, (dict, Mapping)) for item in value)


def _is_response(response: object) -> bool:
    return isinstance(response, (dict, Mapping)) and (
        response.get("object") == "response" or isinstance(response.get("output"), list)
    )


def _read_output(response: object, reading: Reading) -> list[Turn]:
    if not isinstance(response, (dict, Mapping)) or "output" not in response:
        return read_choices(response, reading)
    reason = text_at(mapping_at(response, "incomplete_details"), "reason")
    if reason is not None:
        reading.finish_reasons.append(reason)
    return read_messages(response["output"], reading, role="assistant")
