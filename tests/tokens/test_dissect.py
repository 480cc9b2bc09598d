"""Dissecting whatever comes: never an exception, nothing lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latprobe.tokens.dissect import dissect, dissect_request
from latprobe.tokens.part import INPUT_KINDS, OUTPUT_KINDS, Dissected
from tests.tokens.showing import shown

WORDS = [
    "role", "content", "parts", "type", "text", "messages", "input", "system", "user", "tool",
    "assistant", "tool_calls", "function", "name", "arguments", "image_url", "url", "source",
    "data", "base64", "blocks", "block_type", "lc", "kwargs", "contents", "tools", "id", "model",
    "tool_use", "tool_result", "image", "document", "candidates", "choices", "message", "output",
    "inlineData", "functionDeclarations", "response", "human", "thinking", "data:image/png;base64,",
    "latprobe-media:{", "latprobe-media:{}", "prompt", "instructions", "additional_kwargs",
]  # fmt: skip
TEXTS = st.one_of(st.sampled_from(WORDS), st.text(max_size=8))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=5)),
    max_leaves=24,
)
NAMES = st.one_of(
    st.sampled_from(
        [
            "gen_ai.input.messages",
            "gen_ai.output.messages",
            "gen_ai.system_instructions",
            "gen_ai.tool.definitions",
            "gen_ai.prompt.0.role",
            "gen_ai.prompt.0.content",
            "gen_ai.prompt.0.tool_calls.0.name",
            "gen_ai.completion.0.content",
            "llm.input_messages.0.message.role",
            "llm.input_messages.0.message",
            "llm.input_messages.0.message.contents.0.message_content.type",
            "llm.tools.0.tool.json_schema",
            "ai.prompt",
            "ai.prompt.messages",
            "ai.prompt.tools",
            "ai.response.toolCalls",
            "input.value",
            "output.value",
            "latprobe.parts",
            "gen_ai.response.finish_reasons",
        ]
    ),
    TEXTS,
)


def check(found: Dissected) -> None:
    for part in found.parts:
        kinds = INPUT_KINDS if part.side == "input" else OUTPUT_KINDS
        assert part.kind in kinds
        assert part.text is not None or part.media is not None


@given(JSON, st.one_of(st.none(), JSON))
@settings(max_examples=150, deadline=None)
def test_any_json_comes_apart(request: Any, response: Any) -> None:
    check(dissect_request(request, response))


@given(st.dictionaries(NAMES, st.one_of(JSON, JSON.map(lambda v: json.dumps(v))), max_size=6))
@settings(max_examples=150, deadline=None)
def test_any_attributes_come_apart(attributes: dict[str, Any]) -> None:
    before = repr(attributes)
    found = dissect(
        attributes, [("gen_ai.choice", attributes), ("gen_ai.user.message", attributes)]
    )
    assert repr(attributes) == before
    if found is not None and "latprobe.parts" not in attributes:
        check(found)


@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), st.text(min_size=1))))
@settings(deadline=None)
def test_no_character_of_a_conversation_is_lost(turns: list[tuple[str, str]]) -> None:
    found = dissect_request([{"role": role, "content": text} for role, text in turns])
    if not any(text.startswith(("data:", "latprobe-media:")) for _, text in turns) and turns:
        assert "".join(part.text or "" for part in found.parts) == "".join(t for _, t in turns)


def nested(depth: int) -> Any:
    value: Any = "end"
    for _ in range(depth):
        value = {"content": [value]}
    return value


@pytest.mark.parametrize("depth", [20, 3_000])
def test_content_nested_without_end_is_other(depth: int) -> None:
    found = dissect_request([{"role": "user", "content": [nested(depth)]}])
    assert [part.kind for part in found.parts] == ["other"]
    assert found.problem is not None


def test_json_nested_without_end_stays_its_text() -> None:
    text = '[{"role":"user","content":' + "[" * 100_000
    found = dissect({"gen_ai.input.messages": text})
    assert shown(found) == [("other", None, text)]


def test_a_lone_surrogate_stays() -> None:
    found = dissect_request([{"role": "user", "content": "a\ud800b"}])
    assert shown(found) == [("user", None, "a\ud800b")]


def test_the_last_users_messages_in_a_row_are_the_user() -> None:
    found = dissect_request(
        [
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "two"},
            {"role": "user", "content": "three"},
            {"role": "user", "content": "four"},
            {"role": "assistant", "content": "{"},
        ]
    )
    assert shown(found) == [
        ("history", None, "one"),
        ("history", None, "two"),
        ("user", None, "three"),
        ("user", None, "four"),
        ("history", None, "{"),
    ]
