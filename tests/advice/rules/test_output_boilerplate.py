from __future__ import annotations

import json

import pytest

from latprobe.advice.rules import output_boilerplate
from tests.advice.answers import MS_A_TOKEN, one, prose, recorded, suggestions
from tests.advice.pipelines import Recording, _tokens

OPENING = "Thank you for reaching out to our support team. I am happy to help with that.\n\n"
CLOSING = "\n\nPlease note that this answer was made by an assistant and may hold mistakes."


def answer(r: Recording, _: int) -> str:
    return f"{OPENING}{prose(r, r.random.randint(20, 90))}{CLOSING}"


def test_the_same_opening_and_closing_are_found() -> None:
    found = one(output_boilerplate, recorded(answer))
    saving = found.saving
    assert found.verdict == "do"
    assert saving is not None
    assert saving.output_tokens is not None
    assert saving.p50_ms is not None
    assert saving.output_tokens == pytest.approx(_tokens(OPENING) + _tokens(CLOSING), abs=3)
    assert saving.p50_ms.value == pytest.approx(MS_A_TOKEN * saving.output_tokens, rel=0.15)
    assert found.sample is not None
    assert "Thank you" not in found.sample.after


def test_answers_that_differ_from_their_first_word_are_fine() -> None:
    plain = recorded(lambda r, _: prose(r, r.random.randint(20, 90)))
    assert suggestions(output_boilerplate, plain) == []


def test_a_polite_word_and_jsons_skeleton_are_fine() -> None:
    polite = recorded(lambda r, _: f"Sure. {prose(r, 40)}")
    keys = recorded(
        lambda r, _: json.dumps({"answer_to_the_question_of_the_user": prose(r, 9), "more": None})
    )
    assert suggestions(output_boilerplate, polite) == []
    assert suggestions(output_boilerplate, keys) == []


def test_a_few_calls_are_not_enough() -> None:
    assert one(output_boilerplate, recorded(answer, requests=6)).verdict == "not enough data"
