"""gen_ai's first generation as OpenLLMetry writes it: `gen_ai.prompt.0.content` and so on."""

from __future__ import annotations

from collections.abc import Mapping

from latprobe.tokens.formats.flattened import numbered
from latprobe.tokens.formats.messages import read_messages
from latprobe.tokens.formats.tool_blocks import read_definition
from latprobe.tokens.json_values import BROKEN, text_at, unwrapped
from latprobe.tokens.reading import Reading, Turn


def read(attributes: Mapping[str, object]) -> Reading | None:
    """What stands below `gen_ai.prompt.` and `gen_ai.completion.`; None if nothing does."""
    reading = Reading("traceloop")
    reading.input = _turns(numbered(attributes, "gen_ai.prompt."), "user", reading)
    reading.output = _turns(numbered(attributes, "gen_ai.completion."), "assistant", reading)
    tools = numbered(attributes, "llm.request.functions.")
    for tool in tools:
        reading.tools += read_definition(_with_schema(tool), reading)
    return reading if reading.input or reading.output else None


def _turns(messages: list[object], role: str, reading: Reading) -> list[Turn]:
    found: list[Turn] = []
    for message in messages:
        if not isinstance(message, (dict, Mapping)):
            found += read_messages(message, reading, role=role)
            continue
        reason = text_at(message, "finish_reason")
        if reason is not None and role == "assistant":
            reading.finish_reasons.append(reason)
        content = unwrapped(message.get("content")) if _holds_blocks(message) else None
        is_blocks = isinstance(content, list)
        plain = {**message, "content": content} if is_blocks else message
        found += read_messages(plain, reading, role=role)
    return found


def _holds_blocks(message: Mapping[str, object]) -> bool:
    """Whether the content is blocks written as JSON, not a person's own JSON."""
    content = message.get("content")
    return isinstance(content, str) and content.startswith("[{") and '"type"' in content[:200]


def _with_schema(tool: object) -> object:
    """The tool with its parameters as a value."""
    if not isinstance(tool, (dict, Mapping)):
        return tool
    parameters = unwrapped(tool.get("parameters"))
    return tool if parameters is BROKEN else {**tool, "parameters": parameters}
