"""OpenTelemetry's gen_ai messages, as attributes and as a request."""

from __future__ import annotations

import json

from latprobe.tokens.dissect import dissect, dissect_request
from tests.tokens.showing import shown

INPUT = [
    {"role": "user", "parts": [{"type": "text", "content": "What is due?"}]},
    {
        "role": "assistant",
        "parts": [{"type": "tool_call", "id": "c1", "name": "due", "arguments": {"of": "May"}}],
    },
    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "rent"}]},
]
OUTPUT = [
    {
        "role": "assistant",
        "parts": [
            {"type": "reasoning", "content": "Easy."},
            {"type": "text", "content": "Rent."},
        ],
        "finish_reason": "length",
    }
]
ATTRIBUTES = {
    "gen_ai.system_instructions": [{"type": "text", "content": "Be brief."}],
    "gen_ai.input.messages": INPUT,
    "gen_ai.output.messages": OUTPUT,
    "gen_ai.tool.definitions": [{"type": "function", "name": "due"}],
}
EXPECTED = [
    ("system", None, "Be brief."),
    ("tools", "due", '{"type":"function","name":"due"}'),
    ("user", None, "What is due?"),
    ("history", "due", '{"of":"May"}'),
    ("history", "due", "rent"),
    ("reasoning", None, "Easy."),
    ("output", None, "Rent."),
]


def test_values_and_json_text_come_apart_alike() -> None:
    found = dissect(ATTRIBUTES)
    assert shown(found) == EXPECTED
    assert found == dissect({name: json.dumps(value) for name, value in ATTRIBUTES.items()})
    assert found is not None
    assert (found.format, found.messages, found.stops_early) == ("gen_ai", 4, True)


def test_the_details_event_counts_as_the_spans_own_attributes() -> None:
    events = [("gen_ai.client.inference.operation.details", ATTRIBUTES)]
    assert shown(dissect({"gen_ai.request.model": "gpt-4o"}, events)) == EXPECTED


def test_cut_off_json_is_kept_as_other_and_said() -> None:
    text = json.dumps(INPUT)[:60]
    found = dissect({"gen_ai.input.messages": text, "gen_ai.output.messages": OUTPUT})
    assert found is not None
    assert shown(found)[0] == ("other", None, text)
    assert found.problem == "the input messages are cut off"


def test_a_span_without_content_has_no_parts() -> None:
    assert dissect({}) is None
    assert dissect({"gen_ai.request.model": "gpt-4o", "n": 1}) is None
    gone = {"bytes": 12, "sha256": "0123456789abcdef"}
    assert dissect({"gen_ai.input.messages": gone, "gen_ai.output.messages": gone}) is None


def test_the_spans_own_finish_reasons_say_that_it_stopped_early() -> None:
    text = [{"role": "assistant", "parts": [{"type": "text", "content": "Re"}]}]
    found = dissect(
        {
            "gen_ai.input.messages": INPUT,
            "gen_ai.output.messages": text,
            "gen_ai.response.finish_reasons": ["max_tokens"],
        }
    )
    assert found is not None
    assert found.stops_early


def test_a_list_of_messages_is_a_request() -> None:
    found = dissect_request(INPUT, OUTPUT)
    assert (found.format, shown(found)) == ("gen_ai", EXPECTED[2:])
