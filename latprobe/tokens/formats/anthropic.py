"""Anthropic's messages: the system prompt beside them, content in blocks."""

from __future__ import annotations

from collections.abc import Mapping

from latprobe.tokens.formats.content import read_content
from latprobe.tokens.formats.messages import read_messages
from latprobe.tokens.formats.openai_chat import offered_tools, read_choices
from latprobe.tokens.formats.tool_blocks import read_definition
from latprobe.tokens.json_values import list_at, text_at
from latprobe.tokens.reading import Reading, Turn

_OWN_FIELDS = frozenset(
    {"anthropic_version", "anthropic_beta", "stop_sequences", "thinking", "mcp_servers"}
)
_OWN_BLOCKS = frozenset(
    {"tool_use", "tool_result", "thinking", "redacted_thinking", "server_tool_use", "search_result"}
)


def read(request: object, response: object) -> Reading | None:
    """A request that only Anthropic's API takes; None for any other."""
    if not isinstance(request, (dict, Mapping)) or "messages" not in request:
        return None
    if not _is_anthropic(request, response):
        return None
    reading = Reading("anthropic", tools_first=True)
    system = request.get("system")
    if system is not None:
        reading.input.append(Turn("system", tuple(read_content(system, reading))))
    reading.input += read_messages(request["messages"], reading)
    for tool in offered_tools(request):
        reading.tools += read_definition(tool, reading)
    reading.output = read_answer(response, reading)
    return reading


def read_answer(response: object, reading: Reading) -> list[Turn]:
    """The turn of an answer, and why it stopped."""
    if isinstance(response, (dict, Mapping)):
        reason = text_at(response, "stop_reason")
        if reason is not None:
            reading.finish_reasons.append(reason)
    return read_choices(response, reading)


def _is_anthropic(request: Mapping[str, object], response: object) -> bool:
    if "system" in request or _OWN_FIELDS & request.keys():
        return True
    if isinstance(response, (dict, Mapping)) and response.get("type") == "message":
        return True
    if str(request.get("model", "")).startswith(("claude", "anthropic/claude")):
        return True
    if any(
        isinstance(t, (dict, Mapping)) and "input_schema" in t for t in list_at(request, "tools")
    ):
        return True
    return any(_is_own_block(block) for block in _blocks(request["messages"]))


def _blocks(messages: object) -> list[object]:
    if not isinstance(messages, list):
        return []
    return [
        block
        for message in messages
        if isinstance(message, (dict, Mapping)) and isinstance(message.get("content"), list)
        for block in message["content"]
    ]


def _is_own_block(block: object) -> bool:
    if not isinstance(block, (dict, Mapping)):
        return False
    return block.get("type") in _OWN_BLOCKS if isinstance(block.get("type"), str) else False
