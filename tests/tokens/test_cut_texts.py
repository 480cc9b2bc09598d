"""Content that the journal had to cut is counted as far as it is there, and labelled."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from latprobe.journal.oversize import cut_down
from latprobe.tokens.anatomy import Anatomy, anatomy
from latprobe.tokens.counting import TokenCounter
from latprobe.tokens.dissect import dissect
from latprobe.tokens.part import Dissected
from latprobe.tokens.retrieved import split_known

LONG = "one more word " * 2_000
QUESTION = "Which of the words is the last one?"


def messages(role: str, text: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


def cut(attributes: dict[str, Any]) -> dict[str, Any]:
    """The attributes as the journal keeps them where it has 16 kB for them."""
    import marshal

    payload = cut_down(attributes, None, limit_bytes=16_384)
    assert payload is not None
    found: dict[str, Any] = marshal.loads(payload)
    return found


def counted(dissected: Dissected | None) -> Anatomy:
    assert dissected is not None
    return anatomy(dissected, model="gpt-4o", provider="openai", counter=TokenCounter())


def estimated(found: Anatomy) -> list[tuple[str, str]]:
    return [(row.side, row.kind) for row in found.rows if row.is_estimated]


FLAT = {
    "llm.input_messages.0.message.role": "user",
    "llm.output_messages.0.message.role": "assistant",
}
ASKED, ANSWERED = (f"llm.{side}_messages.0.message.content" for side in ("input", "output"))
CASES: list[tuple[dict[str, Any], list[tuple[str, str]], str]] = [
    (
        {"gen_ai.input.messages": messages("user", QUESTION),
         "gen_ai.output.messages": messages("assistant", LONG)},
        [("output", "output")],
        "gen_ai.output.messages is cut off, it had 28,",
    ),
    ({**FLAT, ASKED: QUESTION, ANSWERED: LONG}, [("output", "output")], f"{ANSWERED} is cut off"),
    ({**FLAT, ASKED: LONG, ANSWERED: "None."}, [("input", "user")], f"{ASKED} is cut off"),
    ({"input.value": QUESTION, "output.value": LONG}, [("output", "output")],
     "output.value is cut off"),
]  # fmt: skip


@pytest.mark.parametrize(("attributes", "expected", "said"), CASES)
def test_what_is_cut_is_an_estimate_and_says_so(
    attributes: dict[str, Any], expected: list[tuple[str, str]], said: str
) -> None:
    assert estimated(counted(dissect(attributes))) == []
    found = dissect(cut(attributes))
    assert found is not None
    assert said in (found.problem or "")
    assert estimated(counted(found)) == expected
    assert [(part.side, part.kind) for part in found.parts if part.is_cut] == expected


def test_a_cut_prompt_teaches_nothing_about_its_model() -> None:
    attributes = {**FLAT, ASKED: LONG, ANSWERED: "None."}
    assert counted(dissect(attributes)).base_input_tokens is not None
    assert counted(dissect(cut(attributes))).base_input_tokens is None
    answer = {**FLAT, ASKED: QUESTION, ANSWERED: LONG}
    assert counted(dissect(cut(answer))).base_input_tokens is not None


def test_the_end_of_a_cut_prompt_stays_marked_when_known_texts_are_cut_out_of_it() -> None:
    known = "A document that was retrieved before.\n"
    found = dissect(cut({**FLAT, ASKED: known + LONG, ANSWERED: "None."}))
    assert found is not None
    parts = split_known(found, [("retrieved", known)]).parts
    assert [(part.kind, part.is_cut) for part in parts if part.side == "input"] == [
        ("retrieved", False), ("user", True)
    ]  # fmt: skip


@pytest.mark.parametrize("value", ["", "{", "[]", '{"a": "b"}', 5, '{"my.own": 5}', None])
def test_other_values_under_the_name_are_no_cuts(value: object) -> None:
    attributes = {**FLAT, ASKED: QUESTION, ANSWERED: "None."}
    expected = dissect(attributes)
    assert expected is not None
    assert dissect({**attributes, "latprobe.truncated": value}) == replace(expected)


def test_a_list_that_was_too_large_is_absent_and_not_its_size() -> None:
    tools = [f"{number} {LONG}" for number in range(3)]
    found = dissect(
        cut({"ai.prompt.messages": messages("user", QUESTION), "ai.prompt.tools": tools})
    )
    assert found is not None
    assert [part.kind for part in found.parts] == ["user"]
    assert "ai.prompt.tools is cut off" in (found.problem or "")
