from __future__ import annotations

import json

import pytest

from latprobe.advice.rules import reasoning_fields
from tests.advice.answers import MS_A_TOKEN, figures, one, prose, recorded, suggestions
from tests.advice.pipelines import Recording


def answer(r: Recording, _: int) -> str:
    value = {"label": r.random.choice(["a", "b"]), "reasoning": prose(r, r.random.randint(1, 90))}
    return json.dumps(value)


def test_a_long_explanation_that_nothing_is_known_to_read_is_left_out() -> None:
    found = one(reasoning_fields, recorded(answer))
    saving = found.saving
    assert found.verdict == "do"
    assert saving is not None
    assert saving.output_tokens is not None
    assert saving.p50_ms is not None
    assert saving.p50_ms.value == pytest.approx(MS_A_TOKEN * saving.output_tokens, rel=0.15)
    assert figures(found)["reads of them"] == "not watched"
    assert found.sample is not None
    assert found.sample.meaning == "lossy"
    assert list(json.loads(found.sample.after)) == ["label"]
    assert len(found.preconditions) == 1


def test_where_it_stands_first_the_answer_may_be_better_for_it() -> None:
    def first(r: Recording, _: int) -> str:
        return json.dumps({"thought_process": prose(r, r.random.randint(1, 90)), "label": "a"})

    assert "may be better for it" in one(reasoning_fields, recorded(first)).preconditions[-1]


def test_a_phrase_why_is_fine_and_so_is_one_that_is_read() -> None:
    def short(r: Recording, _: int) -> str:
        return json.dumps({"answer": prose(r, 30), "reason": prose(r, 5)})

    assert suggestions(reasoning_fields, recorded(short)) == []
    read = recorded(answer)
    for span in read.spans:
        if span["name"] == "answer":
            fields = ["label", "reasoning"]
            span["attributes"] = json.dumps(
                {"latprobe.answer.fields": fields, "latprobe.answer.read": fields}
            )
    assert suggestions(reasoning_fields, read) == []


def test_a_few_calls_are_not_enough() -> None:
    assert one(reasoning_fields, recorded(answer, requests=9)).verdict == "not enough data"
