"""Tool schemas as OpenAI's models read them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings

from latprobe.tokens.tool_rendering import frame_tools, render_tool
from tests.tokens.test_dissect import JSON

SCHEMA = {
    "type": "function",
    "function": {
        "name": "book",
        "description": "Book a flat.",
        "parameters": {
            "type": "object",
            "required": ["flat"],
            "properties": {
                "flat": {"type": "integer", "description": "Its number"},
                "kind": {"enum": ["short", "long"]},
                "dates": {"type": "array", "items": {"type": "string"}},
                "guest": {
                    "type": "object",
                    "properties": {"age": {"type": ["number", "null"], "description": "unsent"}},
                },
                "extra": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
                "rest": {},
            },
        },
    },
}
RENDERED = """// Book a flat.
type book = (_: {
// Its number
flat: number,
kind?: "short" | "long",
dates?: string[],
guest?: {
  age?: number | null,
},
extra?: boolean | null,
rest?: any,
}) => any;
"""


def test_a_schema_becomes_a_type() -> None:
    assert render_tool(json.dumps(SCHEMA)) == RENDERED
    bare = {"name": "now", "input_schema": {"type": "object"}}
    assert render_tool(json.dumps(bare)) == "type now = () => any;\n"


def test_the_types_stand_in_a_namespace() -> None:
    assert frame_tools(["type now = () => any;\n"]) == (
        "namespace functions {\n\ntype now = () => any;\n\n} // namespace functions"
    )


@pytest.mark.parametrize("text", ["", "{", "[]", '{"type": "web_search"}', "[" * 100_000])
def test_what_is_no_function_is_none(text: str) -> None:
    assert render_tool(text) is None


@given(JSON)
@settings(deadline=None)
def test_any_schema_is_rendered(schema: object) -> None:
    text = json.dumps(
        {"name": "t", "parameters": {"properties": {"p": schema}, "required": schema}}
    )
    assert isinstance(render_tool(text), str)
