"""OpenAI's chat completions."""

from __future__ import annotations

from typing import Any

import pytest

from latprobe.tokens.dissect import dissect_request
from latprobe.tokens.part import Dissected
from tests.tokens.showing import shown

TOOL = {"type": "function", "function": {"name": "rent_of", "parameters": {"type": "object"}}}
TOOL_TEXT = '{"type":"function","function":{"name":"rent_of","parameters":{"type":"object"}}}'


def call(name: str, arguments: str, identity: str = "call_1") -> dict[str, Any]:
    return {
        "id": identity,
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def test_a_conversation_with_tools_comes_apart_in_prompt_order() -> None:
    request = {
        "model": "gpt-4o",
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": "Which flats are there?"},
            {"role": "assistant", "content": None, "tool_calls": [call("rent_of", '{"flat": 3}')]},
            {"role": "tool", "tool_call_id": "call_1", "content": "900"},
            {"role": "assistant", "content": "Flat 3, for 900."},
            {"role": "user", "name": "ann", "content": [{"type": "text", "text": "And flat 4?"}]},
        ],
        "tools": [TOOL],
    }
    response = {
        "choices": [
            {
                "message": {
                    "role": "assistant",
                    "content": "Let me see.",
                    "reasoning_content": "Flat 4 is next.",
                    "tool_calls": [call("rent_of", '{"flat": 4}')],
                },
                "finish_reason": "length",
            }
        ]
    }
    found = dissect_request(request, response)
    assert shown(found) == [
        ("system", None, "Be brief."),
        ("tools", "rent_of", TOOL_TEXT),
        ("history", None, "Which flats are there?"),
        ("history", "rent_of", '{"flat": 3}'),
        ("history", "rent_of", "900"),
        ("history", None, "Flat 3, for 900."),
        ("user", "ann", "And flat 4?"),
        ("reasoning", None, "Flat 4 is next."),
        ("output", None, "Let me see."),
        ("tool_calls", "rent_of", '{"flat": 4}'),
    ]
    assert found == Dissected(
        parts=found.parts,
        messages=6,
        named_messages=1,
        format="openai.chat",
        problem=None,
        tools_called=("rent_of",),
        tools_offered=("rent_of",),
        stops_early=True,
    )


def test_messages_alone_and_one_message_alone_are_requests_too() -> None:
    message = {"role": "user", "content": "Hello"}
    expected = [("user", None, "Hello")]
    assert shown(dissect_request([message])) == expected
    assert shown(dissect_request(message)) == expected
    assert (
        shown(dissect_request('{"messages": [{"role": "user", "content": "Hello"}]}')) == expected
    )


def test_a_search_tools_result_is_retrieved() -> None:
    request = [
        {"role": "user", "content": "What is due?"},
        {
            "role": "assistant",
            "tool_calls": [call("search_documents", '{"q": "due"}'), call("clock", "{}", "call_2")],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "Rent is due in May."},
        {"role": "tool", "tool_call_id": "call_2", "content": "10:00"},
    ]
    assert shown(dissect_request(request)) == [
        ("user", None, "What is due?"),
        ("history", "search_documents", '{"q": "due"}'),
        ("history", "clock", "{}"),
        ("retrieved", "search_documents", "Rent is due in May."),
        ("history", "clock", "10:00"),
    ]


def test_an_unknown_role_an_unknown_part_and_no_message_are_kept_as_other() -> None:
    found = dissect_request(
        {
            "messages": [
                {"role": "narrator", "content": "Once"},
                7,
                {"role": "user", "content": [{"type": "smell", "data": 1}, None, "Hi", 3.5]},
            ]
        }
    )
    assert shown(found) == [
        ("other", None, "Once"),
        ("other", None, "7"),
        ("other", None, '{"type":"smell","data":1}'),
        ("user", None, "Hi"),
        ("other", None, "3.5"),
    ]
    assert found.problem == (
        "a message is no object; unknown content part 'smell'; content is a number; "
        "unknown role 'narrator'"
    )


def test_an_answer_that_only_says_what_was_used_has_no_parts() -> None:
    found = dissect_request({"messages": []}, {"usage": {"prompt_tokens": 3}})
    assert (found.parts, found.problem) == ((), None)


def test_a_tools_own_json_is_a_result_whatever_its_objects_types_are() -> None:
    rooms = [{"type": "hotel", "rooms": 3}, {"rooms": 4}]
    messages = [
        {"role": "user", "content": "A room?"},
        {"role": "tool", "tool_call_id": "1", "content": rooms},
        {"role": "tool", "tool_call_id": "2", "content": ["one", "two"]},
    ]
    found = dissect_request({"messages": messages})
    assert (shown(found), found.problem) == (
        [
            ("user", None, "A room?"),
            ("history", None, '[{"type":"hotel","rooms":3},{"rooms":4}]'),
            ("history", None, "one"),
            ("history", None, "two"),
        ],
        None,
    )


@pytest.mark.parametrize(
    "answer",
    [
        {"choices": [{"message": {"role": "assistant", "content": "Hi"}}]},
        {"output": [{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}]},
        {"candidates": [{"content": {"parts": [{"text": "Hi"}]}}]},
        {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hi"}]},
    ],
)
def test_an_answer_without_its_request_is_taken_apart(answer: object) -> None:
    found = dissect_request(None, answer)
    assert (shown(found), found.messages, found.problem) == ([("output", None, "Hi")], 0, None)
