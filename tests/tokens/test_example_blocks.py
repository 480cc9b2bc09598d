"""Examples that a text marks itself, wherever the text stands in a request."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from latprobe.tokens import example_blocks
from latprobe.tokens.dissect import dissect, dissect_request
from latprobe.tokens.part import Dissected
from latprobe.tokens.text_blocks import split_blocks

EXAMPLES = (
    "Example 1:\nInput: I loved it\nOutput: positive\n\n"
    "Example 2:\nInput: never again\nOutput: negative\n\n"
)
SYSTEM = f"You judge reviews.\n\n{EXAMPLES}Reply with one word."
SPLIT = [("system", "You judge reviews.\n\n"), ("few_shot", EXAMPLES)]
ASKED = "It was fine."


def blocks(text: str, kind: str = "user") -> list[tuple[str, str]]:
    """What is an example, and the rest, without the blanks around them."""
    return [(found[:1], block.strip()) for found, block in split_blocks(text, kind=kind)]


@pytest.mark.parametrize(
    "example",
    [
        "### Example 1\nInput: Bob is 3\nOutput:\n{\n  \"name\": \"Bob\"\n}",
        "Example:\nInput: Bob is 3\nOutput: {\n  \"name\": \"Bob\"\n}",
        "Example:\nInput: Bob is 3\nOutput: [\"Bob\", 3]",
        "Example:\nInput: Bob is 3\nOutput:\n```json\n{\n\n}\n```",
        "**Example 1**\n\n**Input:** dog\n**Output:** chien",
        "Example 1 - a greeting\nUser: hi\nAssistant: hello\n\nExample 2 (short)\nUser: a\nAI: b",
        "Example 1\nEnglish: dog\nFrench: chien\n\nExample 2\nEnglish: cat\nFrench: chat",
        "Example 1\nInput: a\nOutput: b\nWhy: c\n\nExample 2\nInput: d\nOutput: e",
        "Here are a few examples:\nQ: dog\nA: chien\n\nQ: cat\nA: chat",
    ],
    ids=[
        "an output below its label", "an output over lines", "a list", "a fence", "bold",
        "titles", "labels of their own", "a third line", "several",
    ],
)  # fmt: skip
def test_an_example_is_whole(example: str) -> None:
    text = f"Do as shown.\n\n{example}\n\nNow the next one is yours."
    expected = [("u", "Do as shown."), ("f", example), ("u", "Now the next one is yours.")]
    assert blocks(text) == expected


@pytest.mark.parametrize("head", ["Examples:\n", "Example 1:\n", ""])
def test_the_question_that_ends_a_prompt_is_no_example(head: str) -> None:
    shown = f"{head}Q: dog?\nA: chien\n\nQ: cat?\nA: chat"
    text = f"Translate.\n\n{shown}\n\nQ: bird?\nA:"
    assert blocks(text) == [("u", "Translate."), ("f", shown), ("u", "Q: bird?\nA:")]


def test_a_form_of_three_labels_is_a_form() -> None:
    shown = "\n\n".join(f"Name: {n}\nAge: {n}\nTown: {n}" for n in "abc")
    text = f"Guess the town.\n\n{shown}\n\nName: d\nAge: 4\nTown:"
    assert blocks(text)[1] == ("f", shown)


@pytest.mark.parametrize(
    "text",
    [
        "Human: hi\nAssistant: hello\n\nHuman: ok?\nAssistant: fine\n\nHuman: so?\nAssistant:",
        "Examples:\nFormat: JSON\nStyle: short\n\nName the capital.",
        "Example 1 of the report: the rent.\nIt has two parts. What are they?",
        "See example 2:\nit is the better one.\n\nWhy is it better?",
        "Q: dog?\nA: chien\n\nQ: bird?\nA:",
        "Name: Bob\nAge: 3\n\nWrite a letter to him. Begin it like this:",
        "Example 1\nInput: dog\nOutput:",
    ],
    ids=[
        "a conversation", "no pairs", "prose", "within a line", "one pair", "a form", "an open one",
    ],
)  # fmt: skip
def test_what_only_looks_like_examples_is_none(text: str) -> None:
    assert blocks(text) == [("u", text)]


@pytest.mark.parametrize(
    "output", ["Output: {\n", "Output: [\n", "Output:\n```json\n", "Output:\n{\n"]
)
def test_open_brackets_cost_as_much_each_however_many_there_are(
    output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at = 0
    given = example_blocks._lines

    def lines(text: str, start: int, limit: int) -> Iterator[tuple[int, int]]:
        nonlocal looked_at
        for line in given(text, start, limit):
            looked_at += 1
            yield line

    monkeypatch.setattr(example_blocks, "_lines", lines)
    pair = f"Input: a\n{output}"
    text = "Example:\n" + pair * 1_000
    assert blocks(text) == [("f", text.strip())]
    assert looked_at < 5 * text.count("\n")


@pytest.mark.parametrize("padding", ["x" * 7_000, " " * 7_000, "x\n" * 3_500])
def test_a_bracket_is_closed_within_a_bound(padding: str) -> None:
    shown = "Input: a\nOutput: {\nInput: b\nOutput: {\n"
    near = f"Example:\n{shown}{padding}\n}}\n"
    assert blocks(near) == [("f", near.strip())]
    far = f"Example:\n{shown}{padding}\n{padding}\n}}\n"
    assert blocks(far)[0] == ("f", f"Example:\n{shown}".strip())


def _request(name: str) -> Dissected:
    system = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": ASKED}]
    user = [{"role": "user", "content": SYSTEM + "\n\n" + ASKED}]
    made = {
        "openai chat": {"model": "m", "messages": system},
        "openai chat, user": {"model": "m", "messages": user},
        "openai responses": {"model": "m", "instructions": SYSTEM, "input": ASKED},
        "anthropic": {
            "model": "claude-sonnet-4-5",
            "max_tokens": 9,
            "system": [{"type": "text", "text": SYSTEM}],
            "messages": system[1:],
        },
        "gemini": {
            "systemInstruction": {"parts": [{"text": SYSTEM}]},
            "contents": [{"role": "user", "parts": [{"text": ASKED}]}],
        },
        "plain": SYSTEM + "\n\n" + ASKED,
        "langchain": [
            [
                {"type": "system", "data": {"content": SYSTEM}},
                {"type": "human", "data": {"content": ASKED}},
            ]
        ],
        "llama_index": [
            {"role": "system", "blocks": [{"block_type": "text", "text": SYSTEM}]},
            {"role": "user", "blocks": [{"block_type": "text", "text": ASKED}]},
        ],
    }
    return dissect_request(made[name])


@pytest.mark.parametrize(
    "name",
    [
        "openai chat", "openai chat, user", "openai responses", "anthropic", "gemini", "plain",
        "langchain", "llama_index",
    ],
)  # fmt: skip
def test_examples_are_found_in_every_vendors_format(name: str) -> None:
    parts = _request(name).parts
    assert [part.text for part in parts if part.kind == "few_shot"] == [EXAMPLES]
    assert {part.kind for part in parts} <= {"system", "few_shot", "user"}


def test_examples_are_found_in_gen_ai_messages() -> None:
    found = dissect(
        {
            "gen_ai.system_instructions": json.dumps([{"type": "text", "content": SYSTEM}]),
            "gen_ai.input.messages": json.dumps(
                [{"role": "user", "parts": [{"type": "text", "content": ASKED}]}]
            ),
        }
    )
    assert found is not None
    assert [part.text for part in found.parts if part.kind == "few_shot"] == [EXAMPLES]
