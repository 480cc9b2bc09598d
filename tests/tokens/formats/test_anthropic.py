"""Anthropic's messages."""

from __future__ import annotations

from latprobe.tokens.dissect import dissect_request
from tests.tokens.showing import shown


def test_system_tools_blocks_and_answer_come_apart() -> None:
    request = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 100,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "tools": [{"name": "search_web", "input_schema": {"type": "object"}}],
        "messages": [
            {"role": "user", "content": "What is due?"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Search.", "signature": "x"},
                    {"type": "tool_use", "id": "t1", "name": "search_web", "input": {"q": "due"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "t1",
                        "content": [{"type": "text", "text": "Rent in May."}],
                    }
                ],
            },
        ],
    }
    response = {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": "Rent."}, {"type": "redacted_thinking", "data": "x"}],
        "stop_reason": "max_tokens",
    }
    found = dissect_request(request, response)
    assert shown(found) == [
        ("tools", "search_web", '{"name":"search_web","input_schema":{"type":"object"}}'),
        ("system", None, "Be brief."),
        ("user", None, "What is due?"),
        ("history", None, "Search."),
        ("history", "search_web", '{"q":"due"}'),
        ("retrieved", "search_web", "Rent in May."),
        ("output", None, "Rent."),
    ]
    assert (found.format, found.problem, found.stops_early) == ("anthropic", None, True)


def test_documents_and_search_results_in_a_message_are_retrieved() -> None:
    source = {"type": "text", "media_type": "text/plain", "data": "The lease."}
    result = {
        "type": "search_result",
        "source": "https://example.org",
        "title": "Rents",
        "content": [{"type": "text", "text": "Rents rise."}],
    }
    content = [{"type": "document", "source": source}, result, {"type": "text", "text": "So?"}]
    found = dissect_request(
        {"system": "Be brief.", "messages": [{"role": "user", "content": content}]}
    )
    assert shown(found) == [
        ("system", None, "Be brief."),
        ("retrieved", None, "The lease."),
        ("retrieved", None, "Rents rise."),
        ("user", None, "So?"),
    ]
