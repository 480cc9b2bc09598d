"""Anthropic's messages."""

from __future__ import annotations

from collections.abc import Mapping

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


def user_blocks(*blocks: Mapping[str, object]) -> dict[str, object]:
    return {"model": "claude-x", "messages": [{"role": "user", "content": list(blocks)}]}


def test_a_file_at_the_vendors_is_named_and_not_decoded() -> None:
    stored = {"type": "file", "file_id": "file_011CNha8iCJcU1wXNR6q4V8w"}
    found = dissect_request(
        user_blocks(
            {"type": "image", "source": stored},
            {"type": "document", "source": stored},
            {"type": "container_upload", "file_id": "file_2"},
        )
    )
    assert [(part.kind, part.name) for part in found.parts] == [
        ("image", "file_011CNha8iCJcU1wXNR6q4V8w"),
        ("document", "file_011CNha8iCJcU1wXNR6q4V8w"),
        ("document", "file_2"),
    ]
    assert (found.problem, {part.media and part.media.bytes for part in found.parts}) == (
        None,
        {None},
    )


def test_pictures_in_a_document_of_blocks_are_pictures() -> None:
    picture = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
    content = [{"type": "text", "text": "A page"}, picture, "Another page"]
    document = {"type": "document", "source": {"type": "content", "content": content}}
    found = dissect_request(user_blocks(document, {"type": "text", "text": "What is it?"}))
    assert [(part.kind, part.text) for part in found.parts] == [
        ("retrieved", "A page"),
        ("image", None),
        ("retrieved", "Another page"),
        ("user", "What is it?"),
    ]


def test_what_the_vendors_own_tools_gave_is_a_result_and_nothing_strange() -> None:
    pages = [{"type": "web_search_result", "url": "u", "title": "t", "encrypted_content": "x"}]
    turn = [
        {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"q": "due"}},
        {"type": "web_search_tool_result", "tool_use_id": "s1", "content": pages},
        {"type": "bash_code_execution_tool_result", "tool_use_id": "s2",
         "content": {"type": "bash_code_execution_result", "stdout": "5"}},
    ]  # fmt: skip
    messages = [
        {"role": "user", "content": "What is due?"},
        {"role": "assistant", "content": turn},
        {"role": "user", "content": "And then?"},
    ]
    found = dissect_request({"model": "claude-x", "messages": messages})
    assert found.problem is None
    assert shown(found)[1:4] == [
        ("history", "web_search", '{"q":"due"}'),
        (
            "retrieved",
            "web_search",
            '[{"type":"web_search_result","url":"u","title":"t","encrypted_content":"x"}]',
        ),
        ("history", None, '{"type":"bash_code_execution_result","stdout":"5"}'),
    ]


def test_bedrocks_blocks_tools_and_answer_come_apart() -> None:
    request = {
        "modelId": "m",
        "system": [{"text": "Be brief."}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"text": "What is due?"},
                    {"document": {"format": "txt", "name": "d", "source": {"text": "Rent"}}},
                    {"guardContent": {"text": {"text": "Really?"}}},
                    {"cachePoint": {"type": "default"}},
                ],
            }
        ],
        "toolConfig": {"tools": [{"toolSpec": {"name": "due", "inputSchema": {}}}]},
    }
    answer = [{"text": "Rent."}, {"toolUse": {"toolUseId": "1", "name": "due", "input": {}}}]
    response = {
        "output": {"message": {"role": "assistant", "content": answer}},
        "stopReason": "max_tokens",
        "usage": {"inputTokens": 5},
    }
    found = dissect_request(request, response)
    assert shown(found) == [
        ("tools", "due", '{"toolSpec":{"name":"due","inputSchema":{}}}'),
        ("system", None, "Be brief."),
        ("user", None, "What is due?"),
        ("retrieved", None, "Rent"),
        ("user", None, "Really?"),
        ("output", None, "Rent."),
        ("tool_calls", "due", "{}"),
    ]
    assert (found.problem, found.stops_early) == (None, True)
