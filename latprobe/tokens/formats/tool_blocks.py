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
_ARGUMENT_NAMES = (
    "arguments", "args", "input", "tool_kwargs", "parameters", "action", "operation", "code",
    "queries",
)  # fmt: skip
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
    found = read_call(block, reading)
    return [found if found.name else found._replace(name=_vendors_tool(block, reading))]


def _vendors_tool(block: Mapping[str, object], reading: Reading) -> str | None:
    """The name of a tool that the vendor runs, as it was offered: `web_search_preview` is called as
    `web_search_call`."""
    called, end, _ = str(block.get("type")).partition("_call")
    if not end or called in _NO_TOOLS:
        return None
    offered = (tool.name for tool in reading.tools if tool.name and tool.name.startswith(called))
    return next(offered, called)


def _result(block: Mapping[str, object], reading: Reading, nested: Nested) -> list[Piece]:
    name = text_at(block, *_NAME_NAMES)
    identity = text_at(block, *_ID_NAMES)
    if name is None and identity is not None:
        name = reading.call_names.get(identity)
    return as_result(first_at(block, *_RESULT_NAMES), name, nested, reading)


def as_result(content: object, name: str | None, nested: Nested, reading: Reading) -> list[Piece]:
    """A tool's result: its blocks where it has blocks, its text or its JSON where not.

    Objects whose type is no content's are the tool's own, and nothing to note.
    """
    noted = list(reading.problems)
    found = nested(content) if _is_content(content) else [Piece("text", as_text(content))]
    if any(piece.kind == "other" for piece in found):
        reading.problems[:] = noted
    if found and all(piece.kind == "other" for piece in found):
        found = [Piece("text", as_text(content))]
    return [
        Piece("tool_result", piece.text, name=piece.name or name)
        if piece.kind in ("text", "other", "tool_result")
        else piece
        for piece in found
    ]


def _is_content(value: object) -> bool:
    """Whether a result is content in blocks, and not a tool's own JSON."""
    if isinstance(value, (list, tuple)):
        return all(map(_is_block, value))
    if isinstance(value, str):
        return is_media_text(value)
    return isinstance(value, (dict, Mapping)) and "type" in value and _is_block(value)


def _is_block(item: object) -> bool:
    return isinstance(item, (dict, Mapping)) and any(
        name in item for name in ("type", "text", "json")
    )


def _code(block: Mapping[str, object], _reading: Reading, _nested: Nested) -> list[Piece]:
    return [Piece("tool_call", compact(block), name="code_execution")]


def _item(block: Mapping[str, object], _reading: Reading, _nested: Nested) -> list[Piece]:
    """What stands in a conversation about tools, and is neither a call nor a result."""
    held = {name: value for name, value in block.items() if name not in ("type", "id")}
    return [Piece("tool_result", compact(held))]


TOOL_BLOCKS: dict[str, ToolBlock] = {
    **dict.fromkeys(
        ("function", "custom", "server_tool_use", "tool_use", "tool-call"),
        _call,
    ),
    **dict.fromkeys(
        (
            "tool_call_response",
            "tool_response",
            "tool_result",
            "server_tool_call_response",
            "tool-result",
        ),
        _result,
    ),
    **dict.fromkeys(("mcp_list_tools", "mcp_approval_request", "mcp_approval_response"), _item),
}
# What vendors add every few months is named alike: `local_shell_call`, `web_fetch_tool_result`.
_NO_TOOLS = ("tool", "function", "custom_tool", "invalid_tool", "server_tool", "mcp")
_CALL_ENDS = ("_call", "_tool_use")
_RESULT_ENDS = ("_tool_result", "_call_output", "_call_response")


def tool_block(kind: str) -> ToolBlock | None:
    """What reads a block of that type; None for what is no tool's."""
    found = TOOL_BLOCKS.get(kind)
    if found is None and kind.endswith(_RESULT_ENDS):
        return _result
    return _call if found is None and kind.endswith(_CALL_ENDS) else found


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
