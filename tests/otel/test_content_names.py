"""Which attributes are content, and what stays of them."""

from __future__ import annotations

import pytest

from latprobe.otel.content_names import (
    event_without_content,
    is_content,
    is_event_content,
    trace_of,
    without_content,
)


@pytest.mark.parametrize(
    "name",
    [
        "gen_ai.input.messages",
        "gen_ai.prompt.0.content",
        "gen_ai.prompt.variable.city",
        "gen_ai.completion.0.tool_calls.0.arguments",
        "gen_ai.tool.call.result",
        "llm.input_messages.0.message.content",
        "llm.tools.0.tool.json_schema",
        "input.value",
        "input.images",
        "retrieval.documents.3.document.content",
        "traceloop.entity.output",
        "langfuse.observation.input",
        "ai.prompt.messages",
        "ai.toolCall.args",
        "pydantic_ai.all_messages",
        "gen_ai.request.messages",
    ],
)
def test_what_people_and_models_said_is_content(name: str) -> None:
    assert is_content(name)


@pytest.mark.parametrize(
    "name",
    [
        "gen_ai.prompt.name",
        "gen_ai.prompt.version",
        "gen_ai.prompt.0.role",
        "gen_ai.completion.0.finish_reason",
        "gen_ai.usage.input_tokens",
        "gen_ai.tool.name",
        "llm.invocation_parameters",
        "llm.output_messages.0.message.role",
        "retrieval.documents.0.document.id",
        "input.mime_type",
        "content",
    ],
)
def test_names_counts_and_roles_are_not(name: str) -> None:
    assert not is_content(name)


def test_of_a_content_its_size_and_digest_stay() -> None:
    attributes = {"gen_ai.input.messages": "£", "gen_ai.request.model": "m"}

    assert without_content(attributes) == {
        "gen_ai.input.messages": {"bytes": 2, "sha256": "b4fe151e41344535"},
        "gen_ai.request.model": "m",
    }


def test_without_content_there_is_no_copy() -> None:
    attributes: dict[str, object] = {"gen_ai.request.model": "m"}

    assert without_content(attributes) is attributes
    assert event_without_content("gen_ai.choice", attributes) is attributes


def test_the_messages_of_older_events_are_content_and_other_events_content_is_not() -> None:
    assert is_event_content("gen_ai.user.message", "content")
    assert is_event_content("anything", "gen_ai.event.content")
    assert not is_event_content("page loaded", "content")
    kept = event_without_content("gen_ai.user.message", {"content": "Hi", "id": 1})
    assert kept == {"content": trace_of("Hi"), "id": 1}


def test_lists_and_bytes_have_a_size_too() -> None:
    assert trace_of(["a", "b"])["bytes"] == len('["a", "b"]')
    assert trace_of(b"abc")["bytes"] == 3
