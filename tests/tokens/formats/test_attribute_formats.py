"""OpenInference, OpenLLMetry, Vercel AI, message events and whole requests in one attribute."""

from __future__ import annotations

import json

from latprobe.tokens.dissect import dissect
from tests.tokens.showing import shown


def test_openinferences_flattened_names() -> None:
    at = "llm.input_messages."
    found = dissect(
        {
            f"{at}0.message.role": "system",
            f"{at}0.message.content": "Be brief.",
            f"{at}1.message.role": "user",
            f"{at}1.message.contents.0.message_content.type": "text",
            f"{at}1.message.contents.0.message_content.text": "What is this?",
            f"{at}1.message.contents.1.message_content.type": "image",
            f"{at}1.message.contents.1.message_content.image.image.url": "https://x.org/a.png",
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "look",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"x":1}',
            "llm.tools.0.tool.json_schema": '{"type": "function", "function": {"name": "look"}}',
            "llm.finish_reason": "length",
            "input.value": "ignored",
        }
    )
    assert shown(found) == [
        ("system", None, "Be brief."),
        ("tools", "look", '{"type":"function","function":{"name":"look"}}'),
        ("user", None, "What is this?"),
        ("image", "https://x.org/a.png", "image/png NonexNone None"),
        ("tool_calls", "look", '{"x":1}'),
    ]
    assert found is not None
    assert (found.format, found.problem, found.stops_early) == ("openinference", None, True)


def test_openinferences_texts_to_embed() -> None:
    found = dissect(
        {
            "embedding.embeddings.1.embedding.text": "second",
            "embedding.embeddings.0.embedding.text": "first",
            "embedding.embeddings.0.embedding.vector": [0.5],
        }
    )
    assert shown(found) == [("user", None, "first"), ("user", None, "second")]
    assert found is not None
    assert found.messages == 0


def test_openllmetrys_numbered_names() -> None:
    found = dissect(
        {
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": "Be brief.",
            "gen_ai.prompt.10.role": "user",
            "gen_ai.prompt.10.content": '[{"type": "text", "text": "Now?"}]',
            "gen_ai.prompt.2.role": "user",
            "gen_ai.prompt.2.content": "Then?",
            "gen_ai.prompt.3.role": "assistant",
            "gen_ai.prompt.3.tool_calls.0.name": "due",
            "gen_ai.prompt.3.tool_calls.0.arguments": "{}",
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": "Rent.",
            "gen_ai.completion.0.finish_reason": "stop",
            "llm.request.functions.0.name": "due",
            "llm.request.functions.0.description": "What is due",
            "llm.request.functions.0.parameters": '{"type": "object"}',
            "gen_ai.prompt.name": "rents",
        }
    )
    schema = '{"name":"due","description":"What is due","parameters":{"type":"object"}}'
    assert shown(found) == [
        ("system", None, "Be brief."),
        ("tools", "due", schema),
        ("history", None, "Then?"),
        ("history", "due", "{}"),
        ("user", None, "Now?"),
        ("output", None, "Rent."),
    ]


def test_vercels_names() -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "What is due?"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "tool-call", "toolCallId": "c", "toolName": "due", "input": {"of": 5}}
            ],
        },
        {
            "role": "tool",
            "content": [
                {
                    "type": "tool-result",
                    "toolCallId": "c",
                    "toolName": "due",
                    "output": {"type": "text", "value": "rent"},
                }
            ],
        },
    ]
    found = dissect(
        {
            "ai.prompt.messages": json.dumps(messages),
            "ai.prompt.tools": ['{"type":"function","name":"due"}'],
            "ai.response.text": "Rent.",
            "ai.response.toolCalls": '[{"toolCallId":"d","toolName":"due","input":"{}"}]',
            "ai.response.finishReason": "length",
        }
    )
    assert shown(found) == [
        ("system", None, "Be brief."),
        ("tools", "due", '{"type":"function","name":"due"}'),
        ("user", None, "What is due?"),
        ("history", "due", '{"of":5}'),
        ("history", "due", "rent"),
        ("output", None, "Rent."),
        ("tool_calls", "due", "{}"),
    ]
    assert found is not None
    assert (found.format, found.stops_early) == ("vercel", True)


def test_vercels_prompt_and_texts_to_embed() -> None:
    prompt = json.dumps({"system": "Be brief.", "prompt": "Hi"})
    assert shown(dissect({"ai.prompt": prompt})) == [
        ("system", None, "Be brief."),
        ("user", None, "Hi"),
    ]
    assert shown(dissect({"ai.values": ['"a cat"', '"a dog"']})) == [
        ("user", None, "a cat"),
        ("user", None, "a dog"),
    ]


def test_message_events_of_the_first_generation() -> None:
    events = [
        ("gen_ai.system.message", {"content": "Be brief."}),
        ("gen_ai.user.message", {"content": "What is due?"}),
        ("gen_ai.choice", {"message": '{"content": "Rent."}', "finish_reason": "length"}),
        ("exception", {"exception.message": "no content"}),
    ]
    found = dissect({}, events)
    assert shown(found) == [
        ("system", None, "Be brief."),
        ("user", None, "What is due?"),
        ("output", None, "Rent."),
    ]
    assert found is not None
    assert found.stops_early


def test_a_whole_request_in_one_attribute() -> None:
    request = {"messages": [{"role": "user", "content": "Hi"}]}
    answer = {"choices": [{"message": {"role": "assistant", "content": "Hello"}}]}
    for given, made in (
        ("input.value", "output.value"),
        ("langfuse.observation.input", "langfuse.observation.output"),
        ("traceloop.entity.input", "traceloop.entity.output"),
    ):
        found = dissect({given: json.dumps(request), made: json.dumps(answer)})
        assert shown(found) == [("user", None, "Hi"), ("output", None, "Hello")]


def test_a_cut_off_request_in_one_attribute_is_other() -> None:
    found = dissect({"input.value": '{"messages": [{"role": "us'})
    assert found is not None
    assert shown(found) == [("other", None, '{"messages": [{"role": "us')]
    assert found.problem == "input.value is cut off"
