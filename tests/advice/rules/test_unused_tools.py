from __future__ import annotations

import json

import pytest

from latprobe.advice.rules import unused_tools
from tests.advice.answers import Prompt, one, prose, recorded, suggestions
from tests.advice.pipelines import Recording, _tokens


def schema(name: str) -> str:
    words = {f"{name}_{at}": {"type": "string", "description": f"what {at} is"} for at in range(9)}
    return json.dumps({"name": name, "parameters": {"type": "object", "properties": words}})


SEARCH, BOOK, CANCEL = (schema(name) for name in ("search", "book", "cancel"))


def prompt(r: Recording, _: int) -> Prompt:
    tools = [("tools", text) for text in (SEARCH, BOOK, CANCEL)]
    return [*tools, ("system", "Help the user."), ("user", prose(r, 12))]


def offered(called: dict[str, bool], requests: int = 80) -> Recording:
    recording = recorded(lambda r, _: prose(r, 30), prompt=prompt, requests=requests, tools=called)
    for part, name in zip(
        (part for part in recording.parts if part["part"] == "tools"),
        ["search", "book", "cancel"] * requests,
        strict=True,
    ):
        part["name"] = name
    return recording


def test_tools_that_are_never_called_are_taken_out_by_the_tokens_of_their_schemas() -> None:
    found = one(unused_tools, offered({"search": True, "book": False, "cancel": False}))
    saving = found.saving
    assert found.verdict == "do"
    assert "Do not offer book, cancel in llm" in found.title
    assert saving is not None
    assert saving.input_tokens == pytest.approx(_tokens(BOOK) + _tokens(CANCEL))
    assert not saving.tokens_estimated


def test_tools_that_are_called_are_fine() -> None:
    called = {"search": True, "book": True, "cancel": True}
    assert suggestions(unused_tools, offered(called)) == []


def test_fifty_calls_do_not_show_that_a_tool_is_never_needed() -> None:
    few = offered({"search": True, "book": False, "cancel": False}, requests=50)
    assert one(unused_tools, few).verdict == "not enough data"


def test_without_them_the_rest_may_be_too_short_to_be_cached() -> None:
    recording = offered({"search": True, "book": False, "cancel": False})
    prefix = sum(map(_tokens, (SEARCH, BOOK, CANCEL)))
    for row in recording.usage:
        row |= {"cache_read_tokens": prefix, "uncached_input_tokens": 40}
        row |= {"model": "gpt-5", "input_tokens": prefix + 40}
    found = one(unused_tools, recording)
    # A tenth of the price for all of it is less than the whole price for a third.
    assert found.verdict == "don't"
    assert found.reason is not None
    assert "below the 1,024" in found.reason
