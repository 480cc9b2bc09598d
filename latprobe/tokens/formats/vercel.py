"""Vercel's AI SDK: `ai.prompt.messages`, `ai.response.text` and their kin."""

from __future__ import annotations

from collections.abc import Mapping

from latprobe.tokens.formats.gen_ai_messages import content_value, is_absent
from latprobe.tokens.formats.messages import read_messages
from latprobe.tokens.formats.tool_blocks import read_calls, read_definition
from latprobe.tokens.json_values import BROKEN, as_text, parsed, text_at, unwrapped
from latprobe.tokens.reading import Piece, Reading, Turn

_INPUT_NAMES = ("ai.prompt.messages", "ai.prompt", "ai.value", "ai.values")


def read(attributes: Mapping[str, object]) -> Reading | None:
    """What stands in the SDK's attributes; None if nothing does."""
    reading = Reading("vercel")
    for name in _INPUT_NAMES:
        if not is_absent(attributes.get(name)):
            reading.input = _input(name, attributes[name], reading)
            break
    tools = attributes.get("ai.prompt.tools")
    if not is_absent(tools):
        for tool in tools if isinstance(tools, (list, tuple)) else [tools]:
            reading.tools += read_definition(tool, reading)
    pieces = _output(attributes, reading)
    if pieces:
        reading.output.append(Turn("assistant", tuple(pieces)))
    if not (reading.input or reading.output):
        return None
    reason = text_at(attributes, "ai.response.finishReason")
    if reason is not None:
        reading.finish_reasons.append(reason)
    return reading


def _input(name: str, value: object, reading: Reading) -> list[Turn]:
    if name in ("ai.value", "ai.values"):
        return _texts(value, reading)
    found = content_value(value, reading, "the prompt's messages")
    if isinstance(found, str):
        is_broken = unwrapped(found) is BROKEN
        return [Turn("user", (Piece("other" if is_broken else "text", found),))]
    if not isinstance(found, (dict, Mapping)):
        return read_messages(found, reading)
    turns: list[Turn] = []
    if found.get("system") is not None:
        turns += read_messages(found["system"], reading, role="system")
    turns += read_messages(found.get("messages"), reading)
    return turns + read_messages(found.get("prompt"), reading, role="user")


def _texts(value: object, reading: Reading) -> list[Turn]:
    """The texts to embed, each as JSON text."""
    reading.is_chat = False
    values = value if isinstance(value, (list, tuple)) else [value]
    return [Turn(None, tuple(Piece("text", _text(item)) for item in values))]


def _text(item: object) -> str:
    """A text that the SDK wrote with its quotes, without them."""
    found = parsed(item) if isinstance(item, str) and item.startswith('"') else item
    return as_text(item if found is BROKEN else found)


def _output(attributes: Mapping[str, object], reading: Reading) -> list[Piece]:
    pieces = []
    for kind, names in (
        ("reasoning", ("ai.response.reasoning",)),
        ("text", ("ai.response.text", "ai.result.text")),
        ("text", ("ai.response.object", "ai.result.object")),
    ):
        text = text_at(attributes, *names)
        if text is not None:
            pieces.append(Piece(kind, text))
    for name in ("ai.response.toolCalls", "ai.result.toolCalls"):
        if not is_absent(attributes.get(name)):
            return pieces + read_calls(attributes[name], reading)
    return pieces
