from __future__ import annotations

import json
from typing import Any

import pytest

from latprobe.advice.rules import output_format
from tests.advice.answers import MS_A_TOKEN, one, prose, recorded, suggestions
from tests.advice.pipelines import Recording


def orders(recording: Recording) -> Any:
    count = recording.random.randint(2, 9)
    return {
        "customer_orders": [
            {
                "order_identifier": recording.random.randint(1, 99_999),
                "product_description": prose(recording, 4),
                "quantity_ordered": recording.random.randint(1, 9),
            }
            for _ in range(count)
        ]
    }


def test_pretty_printed_records_are_written_as_rows_and_the_time_follows_the_tokens() -> None:
    found = one(output_format, recorded(lambda r, _: json.dumps(orders(r), indent=2)))
    assert (found.verdict, found.subject, found.stage) == ("do", "llm", "llm")
    assert "[order_identifier, product_description, quantity_ordered]" in found.how
    assert found.sample is not None
    assert found.sample.meaning == "lossless"
    assert found.sample.after_tokens is not None
    assert found.sample.before_tokens is not None
    assert found.sample.after_tokens < 0.45 * found.sample.before_tokens
    saving = found.saving
    assert saving is not None
    assert saving.output_tokens is not None
    assert saving.p50_ms is not None
    assert saving.p50_ms.value == pytest.approx(MS_A_TOKEN * saving.output_tokens, rel=0.15)
    assert {kind for kind, _ in found.claims} == {"output_tokens"}


def test_one_pretty_printed_object_is_asked_for_on_one_line() -> None:
    def answer(r: Recording, _: int) -> str:
        steps = [r.random.randint(1, 99) for _ in range(r.random.randint(8, 30))]
        return json.dumps({"ok": True, "path": steps}, indent=4)

    found = one(output_format, recorded(answer))
    assert "compact JSON" in found.title
    assert found.preconditions == ()


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_short_json_answers_as_models_write_them_are_fine(separators: tuple[str, str]) -> None:
    def answer(r: Recording, _: int) -> str:
        value = {"answer": prose(r, r.random.randint(8, 30)), "sources": [1, 4]}
        return json.dumps(value, separators=separators)

    assert suggestions(output_format, recorded(answer)) == []


def test_prose_is_none_of_its_business() -> None:
    assert suggestions(output_format, recorded(lambda r, _: prose(r, 40))) == []


def test_a_few_calls_are_not_enough() -> None:
    few = recorded(lambda r, _: json.dumps(orders(r), indent=2), requests=8)
    found = one(output_format, few)
    assert found.verdict == "not enough data"
    assert found.reason == "8 calls of llm show this; record 20 or more."


def test_without_texts_it_says_what_it_cannot_see() -> None:
    recording = recorded(lambda r, _: json.dumps(orders(r) | {"more": prose(r, 200)}, indent=2))
    for text in recording.texts.values():
        text["text"] = None
    found = one(output_format, recording)
    assert found.verdict == "not enough data"
    assert found.reason is not None
    assert "Only hashes and lengths" in found.reason
