"""Content in span events: gen_ai's message events up to 1.36, and the details event since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from latprobe.tokens.formats.gen_ai_messages import NAMES, read_values
from latprobe.tokens.formats.messages import read_messages
from latprobe.tokens.json_values import BROKEN, text_at, unwrapped
from latprobe.tokens.reading import Piece, Reading, Turn

Events = Sequence[tuple[str, Mapping[str, object]]]

DETAILS = "gen_ai.client.inference.operation.details"
_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
    "gen_ai.choice": "assistant",
}


def read(events: Events) -> Reading | None:
    """What the events hold; None if none of them holds content."""
    for name, attributes in events:
        if name == DETAILS or any(known in attributes for known in NAMES):
            found = read_values(attributes)
            if found is not None:
                return found
    reading = Reading("traceloop")
    for name, attributes in events:
        if name in _ROLES:
            _read_event(name, attributes, reading)
        elif name in ("gen_ai.content.prompt", "gen_ai.content.completion"):
            _read_content_event(name, attributes, reading)
    return reading if reading.input or reading.output else None


def _read_event(name: str, attributes: Mapping[str, object], reading: Reading) -> None:
    fields = {key: _value(value) for key, value in attributes.items()}
    inner = fields.get("message")
    body = inner if isinstance(inner, (dict, Mapping)) else fields
    if "message" in fields and not isinstance(inner, (dict, Mapping)):
        body = {**fields, "content": inner}
    known = ("content", "role", "tool_calls", "id", "tool_call_id", "name", "parts")
    given = {key: value for key, value in body.items() if key in known and value is not None}
    message = {"role": _ROLES[name], **given}
    turns = read_messages([message], reading)
    if name != "gen_ai.choice":
        reading.input += turns
        return
    reading.output += turns
    reason = text_at(attributes, "finish_reason")
    if reason is not None:
        reading.finish_reasons.append(reason)


def _read_content_event(name: str, attributes: Mapping[str, object], reading: Reading) -> None:
    is_prompt = name.endswith("prompt")
    value = attributes.get("gen_ai.prompt" if is_prompt else "gen_ai.completion")
    if value is None:
        return
    found = unwrapped(value)
    if found is BROKEN:
        reading.note("an event's content is cut off")
        turns = [Turn("user" if is_prompt else "assistant", (Piece("other", str(value)),))]
    else:
        turns = read_messages(found, reading, role="user" if is_prompt else "assistant")
    (reading.input if is_prompt else reading.output).extend(turns)


def _value(value: object) -> object:
    """A value that may be JSON text; what does not parse stays the text it is."""
    found = unwrapped(value)
    return value if found is BROKEN else found
