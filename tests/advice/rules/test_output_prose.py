from __future__ import annotations

import json

import pytest

from latprobe.advice.rules import output_prose
from tests.advice.answers import MS_A_TOKEN, one, prose, recorded, suggestions
from tests.advice.pipelines import Recording


def value(r: Recording) -> str:
    return json.dumps({"city": prose(r, r.random.randint(1, 70)), "count": r.random.randint(1, 9)})


def wrapped(r: Recording, _: int = 0) -> str:
    return (
        f"Sure! Here is the JSON that you asked for:\n\n```json\n{value(r)}\n```\n\n"
        "Let me know if you need anything else or want me to change the format."
    )


def test_prose_and_fences_around_json_are_counted() -> None:
    found = one(output_prose, recorded(wrapped))
    assert found.verdict == "do"
    assert found.sample is not None
    assert json.loads(found.sample.after)["count"] > 0
    saving = found.saving
    assert saving is not None
    assert saving.output_tokens is not None
    assert saving.p50_ms is not None
    # The words around it are the same in each answer: 34 tokens.
    assert saving.output_tokens == pytest.approx(34, abs=3)
    assert saving.p50_ms.value == pytest.approx(MS_A_TOKEN * saving.output_tokens, rel=0.25)


def test_bare_json_is_fine_and_so_is_prose_with_a_small_example() -> None:
    assert suggestions(output_prose, recorded(lambda r, _: value(r))) == []
    essay = recorded(lambda r, _: f'{prose(r, 80)}\nFor example {{"a": 1}}.\n{prose(r, 50)}')
    assert suggestions(output_prose, essay) == []


def test_thinking_before_the_json_stays_and_a_fixed_frame_goes_however_long() -> None:
    thinking = recorded(lambda r, _: f"{prose(r, 30)}\n{value(r)}", requests=30)
    assert suggestions(output_prose, thinking) == []

    def framed(r: Recording, number: int) -> str:
        return (
            wrapped(r).partition("```")[0] + json.dumps({"n": number}) + " Is that all right?" * 3
        )

    assert one(output_prose, recorded(framed, requests=30)).verdict == "do"


def test_a_few_calls_are_not_enough() -> None:
    assert one(output_prose, recorded(wrapped, requests=9)).verdict == "not enough data"
