"""Tool calls, tool results and tool definitions in each vendor's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from latprobe.tokens.json_values import (
    BROKEN,
    as_text,
    compact,
    first_at,
    list_at,
    mapping_at,
    text_at,
    unwrapped,
)
from latprobe.tokens.media_payload import is_media_text
from latprobe.tokens.reading import Piece, Reading

Nested = Callable[[object], list[Piece]]
ToolBlock = Callable[[Mapping[str, object], Reading, Nested], list[Piece]]

# `id` comes last: a Responses item's own id is not its call's.
_ID_NAMES = ("call_id", "tool_call_id", "tool_use_id", "toolCallId", "toolUseId", "id")
_NAME_NAMES = ("name", "tool_name", "toolName")
_ARGUMENT_NAMES = ("arguments", "args", "input", "tool_kwargs", "parameters")
_RESULT_NAMES = ("output", "response", "result", "content", "results")


def read_call(block: Mapping[str, object], reading: Reading) -> Piece:
    """A tool call: its arguments as they were sent, and the tool's name."""
    function = mapping_at(block, "function", "custom", "server_tool_call") or block
    name = text_at(function, *_NAME_NAMES) or text_at(block, *_NAME_NAMES)
    identity = text_at(block, *_ID_NAMES)
    if identity and name:
        reading.call_names[identity] = name
    arguments = first_at(function, *_ARGUMENT_NAMES)
    if arguments is None and function is not block:
        arguments = {k: v for k, v in function.items() if k not in ("type", "name")} or None
    return Piece("tool_call", as_text(arguments), name=name)


def read_calls(calls: object, reading: Reading) -> list[Piece]:
    """The calls of a message's `tool_calls`, which may be JSON text."""
    value = unwrapped(calls)
    if value is None:
        return []
    if value is BROKEN:
        reading.note("tool calls are cut off")
        return [Piece("tool_call", as_text(calls))]
    found = []
    for call in value if isinstance(value, (list, tuple)) else [value]:
        if isinstance(call, (dict, Mapping)):
            found.append(read_call(call, reading))
        elif call is not None:
            reading.note("a tool call is no object")
            found.append(Piece("tool_call", as_text(call)))
    return found


def read_definition(tool: object, reading: Reading) -> list[Piece]:
    """A tool's schema as sent, one piece a function; Gemini and Bedrock wrap several in one."""
    if isinstance(tool, str):
        value = unwrapped(tool)
        if value is BROKEN or isinstance(value, str):
            return [Piece("tools", tool)]
        return read_definition(value, reading)
    if not isinstance(tool, (dict, Mapping)):
        if tool is not None:
            reading.note("a tool is no object")
        return [] if tool is None else [Piece("tools", as_text(tool))]
    declared = list_at(tool, "functionDeclarations", "function_declarations")
    if declared:
        return [piece for one in declared for piece in read_definition(one, reading)]
    return [Piece("tools", compact(tool), name=definition_name(tool))]


def definition_name(tool: Mapping[str, object]) -> str | None:
    """A defined tool's name; of the vendor's own tools, their type."""
    inner = mapping_at(tool, "function", "toolSpec", "custom")
    only = next(iter(tool)) if len(tool) == 1 else None
    return text_at(inner, "name") or text_at(tool, "name", "type") or only


def _call(block: Mapping[str, object], reading: Reading, _nested: Nested) -> list[Piece]:
    return [read_call(block, reading)]


def _result(block: Mapping[str, object], reading: Reading, nested: Nested) -> list[Piece]:
    name = text_at(block, *_NAME_NAMES)
    identity = text_at(block, *_ID_NAMES)
    if name is None and identity is not None:
        name = reading.call_names.get(identity)
    return as_result(first_at(block, *_RESULT_NAMES), name, nested)


def as_result(content: object, name: str | None, nested: Nested) -> list[Piece]:
    """A tool's result: its blocks where it has blocks, its text or its JSON where not."""
    found = nested(content) if _is_content(content) else [Piece("text", as_text(content))]
    return [
        Piece("tool_result", piece.text, name=name) if piece.kind in ("text", "other") else piece
        for piece in found
    ]


def _is_content(value: object) -> bool:
    """Whether a result is content in blocks, and not a tool's own JSON."""
    if isinstance(value, (list, tuple)):
        return all(_is_block(item) for item in value)
    if isinstance(value, str):
        return is_media_text(value)
    return isinstance(value, (dict, Mapping)) and "type" in value and _is_block(value)


def _is_block(item: object) -> bool:
    return isinstance(item, (dict, Mapping)) and any(
        name in item for name in ("type", "text", "json")
    )


def _code(block: Mapping[str, object], _reading: Reading, _nested: Nested) -> list[Piece]:
    return [Piece("tool_call", compact(block), name="code_execution")]


TOOL_BLOCKS: dict[str, ToolBlock] = {
    **dict.fromkeys(
        (
            "tool_call",
            "tool_use",
            "server_tool_use",
            "server_tool_call",
            "mcp_tool_use",
            "mcp_call",
            "function",
            "function_call",
            "custom",
            "custom_tool_call",
            "tool-call",
            "web_search_call",
            "file_search_call",
            "code_interpreter_call",
            "computer_call",
            "invalid_tool_call",
        ),
        _call,
    ),
    **dict.fromkeys(
        (
            "tool_call_response",
            "tool_response",
            "tool_result",
            "mcp_tool_result",
            "server_tool_call_response",
            "function_call_output",
            "custom_tool_call_output",
            "computer_call_output",
            "tool-result",
            "web_search_tool_result",
            "code_execution_tool_result",
        ),
        _result,
    ),
}

_BARE_CALLS = ("functionCall", "function_call", "toolUse")
_BARE_RESULTS = ("functionResponse", "function_response", "toolResult")
_BARE_CODE = ("executableCode", "executable_code", "codeExecutionResult", "code_execution_result")


def bare_tool(block: Mapping[str, object], reading: Reading, nested: Nested) -> list[Piece] | None:
    """The pieces of a block whose only key says that it is a call or a result; else None."""
    for name in _BARE_CALLS:
        if isinstance(inner := block.get(name), (dict, Mapping)):
            return _call(inner, reading, nested)
    for name in _BARE_RESULTS:
        if isinstance(inner := block.get(name), (dict, Mapping)):
            return _result(inner, reading, nested)
    for name in _BARE_CODE:
        if isinstance(inner := block.get(name), (dict, Mapping)):
            return _code(inner, reading, nested)
    return [Piece("text", compact(block["json"]))] if "json" in block else None
