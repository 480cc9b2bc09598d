"""OpenInference's flattened attributes (Phoenix, Arize)."""

from __future__ import annotations

from collections.abc import Mapping

from latprobe.tokens.formats.flattened import numbered
from latprobe.tokens.formats.messages import read_messages
from latprobe.tokens.formats.tool_blocks import read_definition
from latprobe.tokens.json_values import as_text, text_at
from latprobe.tokens.reading import Piece, Reading, Turn

_INPUT = "llm.input_messages."
_OUTPUT = "llm.output_messages."
_TOOLS = "llm.tools."
_PROMPTS = ("llm.prompts.", "embedding.embeddings.")
_CHOICES = ("llm.choices.", "llm.completions.")


def read(attributes: Mapping[str, object]) -> Reading | None:
    """What stands below OpenInference's prefixes; None if nothing does."""
    reading = Reading("openinference")
    reading.input = _turns(numbered(attributes, _INPUT), "user", reading)
    reading.output = _turns(numbered(attributes, _OUTPUT), "assistant", reading)
    for tool in _items(numbered(attributes, _TOOLS)):
        schema = _at(tool, "tool", "json_schema") or tool
        reading.tools += read_definition(schema, reading)
    if not reading.input:
        _read_texts(attributes, reading)
    if not (reading.input or reading.output or reading.tools):
        return None
    reason = text_at(attributes, "llm.finish_reason")
    if reason is not None:
        reading.finish_reasons.append(reason)
    return reading


def _turns(messages: object, role: str, reading: Reading) -> list[Turn]:
    plain = [_message(item) for item in _items(messages)]
    return read_messages(plain, reading, role=role) if plain else []


def _message(item: object) -> object:
    """The message in an OpenAI chat's shape."""
    message = _at(item, "message")
    if not isinstance(message, (dict, Mapping)):
        return item
    contents = [_content(block) for block in _items(message.get("contents"))]
    calls = [_at(call, "tool_call") or call for call in _items(message.get("tool_calls"))]
    name, arguments = (message.get(f"function_call_{part}") for part in ("name", "arguments_json"))
    if name is not None:
        calls.append({"name": name, "arguments": arguments})
    return {
        "role": message.get("role"),
        "content": contents or message.get("content"),
        "tool_calls": calls or None,
        "tool_call_id": message.get("tool_call_id"),
        "name": message.get("name"),
    }


def _content(block: object) -> object:
    inner = _at(block, "message_content")
    if not isinstance(inner, (dict, Mapping)):
        return block
    kind = inner.get("type")
    media = inner.get(kind) if isinstance(kind, str) else None
    if kind in ("image", "audio", "video", "document") and isinstance(media, (dict, Mapping)):
        payload = _at(media, str(kind)) or media
        return {"type": kind, kind: payload}
    return inner


def _read_texts(attributes: Mapping[str, object], reading: Reading) -> None:
    """Prompts of completions, and texts to embed."""
    pieces = []
    for prefix in _PROMPTS:
        for item in _items(numbered(attributes, prefix)):
            text = _at(item, "prompt", "text") or _at(item, "embedding", "text") or item
            if isinstance(text, str):
                pieces.append(Piece("text", text))
    alone = attributes.get("embedding.text")
    if not pieces and isinstance(alone, str):
        pieces.append(Piece("text", alone))
    if not pieces:
        return
    reading.is_chat = False
    reading.input = [Turn(None, tuple(pieces))]
    for prefix in _CHOICES:
        for item in _items(numbered(attributes, prefix)):
            text = _at(item, "completion", "text") or _at(item, "text") or item
            reading.output.append(Turn("assistant", (Piece("text", as_text(text)),)))


def _items(value: object) -> list[object]:
    if isinstance(value, (dict, Mapping)):
        return list(value.values())
    return value if isinstance(value, list) else []


def _at(value: object, *path: str) -> object:
    for name in path:
        if not isinstance(value, (dict, Mapping)):
            return None
        value = value.get(name)
    return value
