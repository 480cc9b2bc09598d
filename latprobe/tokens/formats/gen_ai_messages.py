"""OpenTelemetry's gen_ai messages: a role and typed parts; instructions and tools beside them."""

from __future__ import annotations

from collections.abc import Mapping

from latprobe.tokens.formats.content import read_content
from latprobe.tokens.formats.messages import read_messages
from latprobe.tokens.formats.tool_blocks import read_definition
from latprobe.tokens.json_values import BROKEN, as_text, text_at, unwrapped
from latprobe.tokens.reading import Piece, Reading, Turn

INPUT = "gen_ai.input.messages"
OUTPUT = "gen_ai.output.messages"
SYSTEM = "gen_ai.system_instructions"
TOOLS = "gen_ai.tool.definitions"
NAMES = (INPUT, OUTPUT, SYSTEM, TOOLS)


def read(request: object, response: object) -> Reading | None:
    """A list of messages with typed parts; None for any other."""
    if not isinstance(request, list) or not request:
        return None
    if not all(_has_parts(item) for item in request):
        return None
    return read_values({INPUT: request, OUTPUT: response})


def _has_parts(item: object) -> bool:
    return isinstance(item, (dict, Mapping)) and isinstance(item.get("parts"), list)


def read_values(values: Mapping[str, object]) -> Reading | None:
    """What the four attributes hold, as JSON text or as values; None if they hold nothing."""
    given, made, system, tools = map(values.get, NAMES)
    if is_absent(given) and is_absent(made) and is_absent(system) and is_absent(tools):
        return None
    reading = Reading("gen_ai")
    if system is not None:
        reading.input += _system(system, reading)
    found = content_value(given, reading, "the input messages")
    reading.input += _turns(found, reading, "user", "the input messages")
    if tools is not None:
        offered = content_value(tools, reading, "the tool definitions")
        for tool in offered if isinstance(offered, list) else [offered]:
            reading.tools += read_definition(tool, reading)
    output = content_value(made, reading, "the output messages")
    reading.output += _turns(output, reading, "assistant", "the output messages")
    reading.finish_reasons += _finish_reasons(output)
    return reading


def is_absent(value: object) -> bool:
    """Whether an attribute has no content: it is missing, or only its size and digest are left."""
    if value is None or value == "":
        return True
    return isinstance(value, (dict, Mapping)) and value.keys() in ({"bytes", "sha256"}, {"bytes"})


def content_value(value: object, reading: Reading, what: str) -> object:
    """The value of an attribute that may be JSON text; what is cut off stays text, and is noted."""
    if is_absent(value):
        return None
    found = unwrapped(value)
    if found is BROKEN:
        reading.note(f"{what} are cut off")
        return value
    return found


def _system(value: object, reading: Reading) -> list[Turn]:
    found = content_value(value, reading, "the system instructions")
    if found is None:
        return []
    pieces = read_content(found, reading)
    return [Turn("system", tuple(pieces))] if pieces else []


def _turns(found: object, reading: Reading, role: str, what: str) -> list[Turn]:
    if isinstance(found, str):
        is_broken = unwrapped(found) is BROKEN
        return [Turn(role, (Piece("other" if is_broken else "text", found),))]
    if isinstance(found, (int, float)):
        reading.note(f"{what} are no messages")
        return [Turn(role, (Piece("other", as_text(found)),))]
    return read_messages(found, reading, role=role)


def _finish_reasons(found: object) -> list[str]:
    if not isinstance(found, list):
        return []
    reasons = [
        text_at(item, "finish_reason") for item in found if isinstance(item, (dict, Mapping))
    ]
    return [reason for reason in reasons if reason]
