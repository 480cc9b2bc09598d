"""OpenAI's responses."""

from __future__ import annotations

from latprobe.tokens.dissect import dissect_request
from tests.tokens.showing import shown

REQUEST = {
    "model": "gpt-5",
    "instructions": "Be brief.",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "What is due?"}]},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Look it up."}]},
        {
            "type": "function_call",
            "id": "fc_1",
            "call_id": "call_1",
            "name": "due",
            "arguments": "{}",
        },
        {"type": "function_call_output", "call_id": "call_1", "output": "Rent"},
        {"type": "message", "role": "user", "content": "And when?"},
    ],
    "tools": [{"type": "function", "name": "due", "parameters": {}}, {"type": "web_search"}],
}
RESPONSE = {
    "object": "response",
    "status": "incomplete",
    "incomplete_details": {"reason": "max_output_tokens"},
    "output": [
        {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "In May.", "annotations": []}],
        },
        {"type": "function_call", "call_id": "call_2", "name": "due", "arguments": '{"of":"May"}'},
    ],
}


def test_instructions_items_and_answer_come_apart() -> None:
    found = dissect_request(REQUEST, RESPONSE)
    assert shown(found) == [
        ("system", None, "Be brief."),
        ("tools", "due", '{"type":"function","name":"due","parameters":{}}'),
        ("tools", "web_search", '{"type":"web_search"}'),
        ("history", None, "What is due?"),
        ("history", None, "Look it up."),
        ("history", "due", "{}"),
        ("history", "due", "Rent"),
        ("user", None, "And when?"),
        ("output", None, "In May."),
        ("tool_calls", "due", '{"of":"May"}'),
    ]
    assert (found.format, found.problem, found.stops_early) == ("openai.responses", None, True)
    assert (found.tools_offered, found.tools_called) == (("due", "web_search"), ("due",))


def test_an_input_of_one_text_is_the_users() -> None:
    found = dissect_request({"model": "gpt-5", "input": "Hi", "store": False})
    assert (found.format, shown(found)) == ("openai.responses", [("user", None, "Hi")])


def test_earlier_turns_that_only_the_server_has_are_said() -> None:
    found = dissect_request({"input": "Hi", "previous_response_id": "resp_1"})
    assert found.problem == "earlier turns stand in a response that the request only names"


def test_texts_to_embed_are_no_responses_request() -> None:
    found = dissect_request({"model": "text-embedding-3-small", "input": ["a cat", "a dog"]})
    assert (found.format, found.messages) == ("plain", 0)
    assert shown(found) == [("user", None, "a cat"), ("user", None, "a dog")]


def test_tools_that_the_vendor_runs_are_called_by_their_offered_names() -> None:
    request = {
        "model": "gpt-5",
        "input": [
            {"role": "user", "content": "What is due?"},
            {"type": "local_shell_call", "call_id": "c", "action": {"command": ["ls"]}},
            {"type": "local_shell_call_output", "call_id": "c", "output": "a.txt"},
            {"type": "mcp_list_tools", "id": "m", "server_label": "x", "tools": []},
        ],
        "tools": [{"type": "web_search_preview"}, {"type": "code_interpreter"}],
    }
    output = [
        {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "Look."}]},
        {"type": "web_search_call", "id": "w", "action": {"query": "due"}},
        {"type": "image_generation_call", "id": "ig_1", "result": None},
        {"type": "message", "role": "assistant", "content": "Rent."},
    ]
    found = dissect_request(request, {"object": "response", "output": output})
    assert shown(found) == [
        ("tools", "web_search_preview", '{"type":"web_search_preview"}'),
        ("tools", "code_interpreter", '{"type":"code_interpreter"}'),
        ("user", None, "What is due?"),
        ("history", "local_shell", '{"command":["ls"]}'),
        ("history", None, "a.txt"),
        ("history", None, '{"server_label":"x","tools":[]}'),
        ("reasoning", None, "Look."),
        ("tool_calls", "web_search_preview", '{"query":"due"}'),
        ("output", None, "None NonexNone None"),
        ("output", None, "Rent."),
    ]
    assert (found.problem, found.tools_called) == (None, ("web_search_preview",))
    assert [part.role for part in found.parts[2:6]] == ["user", "assistant", "tool", "assistant"]
