"""LangChain's and LlamaIndex's serialised messages, and texts without roles."""

from __future__ import annotations

from typing import Any

import pytest

from latprobe.tokens.dissect import dissect_request
from tests.tokens.showing import shown

CALL = {"name": "due", "args": {"of": "May"}, "id": "c1", "type": "tool_call"}
EXPECTED = [
    ("system", None, "Be brief."),
    ("user", None, "What is due?"),
    ("history", "due", '{"of":"May"}'),
    ("history", "due", "rent"),
]


def constructor(name: str, **kwargs: Any) -> dict[str, Any]:
    return {
        "lc": 1,
        "type": "constructor",
        "id": ["langchain", "schema", "messages", name],
        "kwargs": kwargs,
    }


DUMPED = [
    constructor("SystemMessage", content="Be brief."),
    constructor("HumanMessage", content="What is due?"),
    constructor("AIMessage", content="", tool_calls=[CALL]),
    constructor("ToolMessage", content="rent", tool_call_id="c1"),
]
AS_DICT = [
    {"type": "system", "data": {"content": "Be brief."}},
    {"type": "human", "data": {"content": "What is due?"}},
    {"type": "ai", "data": {"content": "", "tool_calls": [CALL]}},
    {"type": "tool", "data": {"content": "rent", "tool_call_id": "c1"}},
]
MODELS = [{"type": item["type"], **item["data"]} for item in AS_DICT]  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "request_",
    [DUMPED, AS_DICT, MODELS, {"messages": [DUMPED]}, {"messages": MODELS}],
    ids=["dumpd", "messages_to_dict", "model_dump", "batch", "state"],
)
def test_langchains_serialisations_come_apart_alike(request_: object) -> None:
    found = dissect_request(request_)
    assert (found.format, shown(found), found.problem) == ("langchain", EXPECTED, None)


def test_langchains_pairs_of_role_and_text() -> None:
    found = dissect_request([["system", "Be brief."], ["human", "Hi"]])
    assert shown(found) == [("system", None, "Be brief."), ("user", None, "Hi")]


def test_langchains_answer_is_the_generations_message() -> None:
    info = {"finish_reason": "length"}
    message = constructor("AIMessage", content="Rent.", response_metadata=info)
    found = dissect_request(DUMPED, {"generations": [[{"text": "Rent.", "message": message}]]})
    assert shown(found)[-1] == ("output", None, "Rent.")
    assert found.stops_early


def test_llama_indexs_blocks() -> None:
    found = dissect_request(
        {
            "messages": [
                {
                    "role": "MessageRole.SYSTEM",
                    "additional_kwargs": {},
                    "blocks": [{"block_type": "text", "text": "Be brief."}],
                },
                {
                    "role": "user",
                    "additional_kwargs": {},
                    "blocks": [
                        {"block_type": "text", "text": "What is this?"},
                        {"block_type": "image", "url": "https://x.org/a.jpg", "detail": "low"},
                    ],
                },
            ]
        },
        {"message": {"role": "assistant", "blocks": [{"block_type": "text", "text": "A cat."}]}},
    )
    assert shown(found) == [
        ("system", None, "Be brief."),
        ("user", None, "What is this?"),
        ("image", "https://x.org/a.jpg", "image/jpeg NonexNone None"),
        ("output", None, "A cat."),
    ]
    assert (found.format, found.problem) == ("llama_index", None)


def test_a_text_a_prompt_and_a_completion_have_no_roles() -> None:
    found = dissect_request("Once upon a time")
    assert (shown(found), found.messages, found.format) == (
        [("user", None, "Once upon a time")],
        0,
        "plain",
    )
    found = dissect_request(
        {"model": "llama3", "prompt": "Once", "system": "Tell tales."},
        {"response": " upon", "done": True},
    )
    assert shown(found) == [
        ("system", None, "Tell tales."),
        ("user", None, "Once"),
        ("output", None, " upon"),
    ]


def test_what_nobody_knows_is_other() -> None:
    found = dissect_request({"colour": "red"})
    assert shown(found) == [("other", None, '{"colour":"red"}')]
    assert found.problem == "the request is in no known format"


def test_a_dumped_prompt_value_is_its_messages_or_its_text() -> None:
    messages = [
        constructor("SystemMessage", content="Be brief."),
        constructor("HumanMessage", content="Hi"),
    ]
    found = dissect_request(constructor("ChatPromptValue", messages=messages))
    assert (found.format, shown(found)) == (
        "langchain", [("system", None, "Be brief."), ("user", None, "Hi")]
    )  # fmt: skip
    assert shown(dissect_request(constructor("StringPromptValue", text="Hi"))) == [
        ("user", None, "Hi")
    ]


@pytest.mark.parametrize("place", ["tools", "additional_kwargs"])
def test_llama_indexs_tools_are_parts(place: str) -> None:
    tool = {"type": "function", "function": {"name": "due"}}
    offered = {"tools": [tool]} if place == "tools" else {"additional_kwargs": {"tools": [tool]}}
    message = {"role": "user", "blocks": [{"block_type": "text", "text": "Hi"}]}
    found = dissect_request({"messages": [message], **offered})
    assert (found.format, found.tools_offered) == ("llama_index", ("due",))
