"""Tool schemas as OpenAI's models read them: TypeScript types in a namespace.

The vendor publishes no rule; this one was found by others from billed token counts
(https://github.com/hmarr/openai-chat-tokens) and reproduces them, OpenAI's own examples included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from latprobe.tokens.json_values import mapping_at, parsed, text_at

_MAX_DEPTH = 12
_WORDS = {"string": "string", "number": "number", "integer": "number", "boolean": "boolean"}


def frame_tools(rendered: Sequence[str]) -> str:
    """The namespace with all the tools' types."""
    return "\n".join(["namespace functions {", "", *rendered, "} // namespace functions"])


@lru_cache(maxsize=512)
def render_tool(schema: str) -> str | None:
    """A tool's type from its schema's JSON, its blank line behind it; None if it is no function."""
    tool = parsed(schema)
    if not isinstance(tool, Mapping):
        return None
    function = mapping_at(tool, "function") or tool
    name = text_at(function, "name")
    if name is None:
        return None
    description = text_at(function, "description")
    parameters = mapping_at(function, "parameters", "input_schema", "inputSchema")
    lines = [f"// {description}"] if description else []
    if mapping_at(parameters, "properties"):
        lines += [f"type {name} = (_: {{", *_properties(parameters, 0), "}) => any;", ""]
    else:
        lines += [f"type {name} = () => any;", ""]
    return "\n".join(lines)


def _properties(schema: Mapping[str, object], depth: int) -> list[str]:
    """A line a property, and one for its description at the top level; others' are not sent."""
    required = schema.get("required")
    needed = required if isinstance(required, list) else []
    indent = "  " * depth
    lines = []
    for name, value in mapping_at(schema, "properties").items():
        inner = value if isinstance(value, Mapping) else {}
        description = text_at(inner, "description")
        if description and depth == 0:
            lines.append(f"{indent}// {description}")
        mark = "" if name in needed else "?"
        lines.append(f"{indent}{name}{mark}: {_type(inner, depth)},")
    return lines


def _type(schema: Mapping[str, object], depth: int) -> str:
    if depth >= _MAX_DEPTH:
        return "any"
    options = schema.get("anyOf")
    if isinstance(options, list):
        return " | ".join(_type(o, depth) for o in options if isinstance(o, Mapping))
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(_type({**schema, "type": one}, depth) for one in kind)
    values = schema.get("enum")
    if isinstance(values, list):
        return " | ".join(f'"{v}"' if isinstance(v, str) else str(v) for v in values)
    if kind == "object":
        return "\n".join(["{", *_properties(schema, depth + 1), "}"])
    if kind == "array":
        items = schema.get("items")
        return f"{_type(items, depth)}[]" if isinstance(items, Mapping) else "any[]"
    if kind == "null":
        return "null"
    return _WORDS.get(kind, "any") if isinstance(kind, str) else "any"
