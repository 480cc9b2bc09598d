"""What would be asked again, and when nothing is."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from latprobe.advice.outputs.answer_formats import compact_json
from latprobe.advice.replay.agreement import ABSENT
from latprobe.advice.replay.plan import Plan, plan
from latprobe.advice.suggestion import Suggestion
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.scope import EVERYTHING
from tests.advice.pipelines import Recording
from tests.advice.replay.recordings import pretty, recording
from tests.analysis.seeding import MemoryStore

COMPACT = Suggestion(
    rule="output_format", subject="llm.find", title="Ask for compact JSON", evidence=(),
    how=f"Say in the prompt: {compact_json().sentence}\njson.loads reads it as before.",
    verify="", effort="low",
)  # fmt: skip


@pytest.fixture(scope="module")
def usual() -> MemoryStore:
    """70 requests, recorded once."""
    return recording().query()


def planned(
    recorded: MemoryStore, suggestion: Suggestion = COMPACT, *, requests: int = 60, **options: Any
) -> Plan | Refusal:
    return plan(recorded, EVERYTHING, suggestion, requests=requests, **{"margin": 0.05, **options})


def reason(found: Plan | Refusal) -> str:
    assert isinstance(found, Refusal)
    return found.reason


def test_recorded_requests_are_sent_as_they_were_with_their_settings(usual: MemoryStore) -> None:
    found = planned(usual)
    assert isinstance(found, Plan)
    assert (len(found.recorded), found.calls, found.recorded_model) == (60, 120, "gpt-4o-mini")
    one = found.recorded[0]
    assert one.settings == {"temperature": 0.0, "max_tokens": 300}
    assert [each.role for each in one.messages] == ["system", "user"]
    assert found.old.messages(one) == one.messages
    system, question = found.new.messages(one)
    assert system.text == f"{one.messages[0].text}\n{compact_json().sentence}\n"
    assert question == one.messages[1]
    given, made = found.input_tokens_estimated, found.output_tokens_estimated
    assert given is not None
    assert made is not None
    assert given > made > 0
    assert found.cost_usd_estimated is not None
    assert found.cost_basis is not None
    assert len({each.messages for each in found.recorded}) == 60


def test_answers_are_read_alike_in_both_formats(usual: MemoryStore) -> None:
    found = planned(usual)
    assert isinstance(found, Plan)
    value = found.old.read(pretty(3))
    assert found.new.read(compact_json().encode(value)) == value
    assert found.new.read("not JSON") == found.old.read("not JSON")


def test_equal_requests_count_once() -> None:
    found = recording(requests=62)
    # The second one asks what the first one asked.
    found.spans[3]["attributes"] = found.spans[1]["attributes"]
    once = planned(found.query(), requests=62)
    assert isinstance(once, Plan)
    assert len(once.recorded) == 61
    assert once.left_out == {"the same request as another": 1}


def test_too_few_requests_say_how_many_the_margin_takes() -> None:
    text = reason(planned(recording(requests=30).query()))
    assert text.startswith("30 recorded requests can be asked again, and this margin needs 59")
    assert "over 9.5%" in text
    assert reason(planned(recording(requests=5).query(), requests=20)).startswith(
        "20 requests cannot show"
    )


def test_with_content_off_it_says_so() -> None:
    assert "content is off" in reason(planned(recording(keeps_text=False).query()))


def test_what_changes_code_is_not_tried(usual: MemoryStore) -> None:
    other = replace(COMPACT, rule="enum_words")
    assert "changes your code" in reason(planned(usual, other))
    stages = replace(COMPACT, rule="parallel_stages", subject="a + b")
    assert "no prompt of recorded model calls" in reason(planned(usual, stages))


def test_a_format_that_is_no_longer_suggested_is_refused(usual: MemoryStore) -> None:
    how = "Say in the prompt: Answer in verse.\nRead it."
    assert "no longer have the format" in reason(planned(usual, replace(COMPACT, how=how)))


def test_calls_with_tools_or_pictures_are_left_out() -> None:
    found = recording()
    for span in found.spans[1:41:2]:
        span["attributes"] = span["attributes"].replace(
            '\\"type\\": \\"text\\"', '\\"type\\": \\"x\\"'
        )
    assert "Left out are 20: " in reason(planned(found.query(), requests=70))


def answering(found: Recording, answers: dict[int, str]) -> MemoryStore:
    """The recording with other answers to some of its requests."""
    for number, answer in answers.items():
        span = found.spans[2 * number + 1]
        attributes = json.loads(span["attributes"])
        said = json.loads(attributes["gen_ai.output.messages"])
        was = said[0]["parts"][0]["content"]
        said[0]["parts"][0]["content"] = answer
        attributes["gen_ai.output.messages"] = json.dumps(said)
        span["attributes"] = json.dumps(attributes)
        for each in found.texts.values():
            if each["text"] == was:
                each["text"] = answer
    return found.query()


def test_empty_answers_are_answers_in_json() -> None:
    empty = {number: "[]" if number % 2 else "{ }" for number in range(0, 30)}
    found = planned(answering(recording(), empty), requests=70)
    assert isinstance(found, Plan)
    assert found.old.is_json
    assert found.old.is_bare
    assert len(found.recorded) == 70
    assert found.values.count([]) == found.values.count({}) == 15
    assert (found.new.read("[]"), found.new.read(" {}\n")) == ([], {})
    assert found.old.read("items[] are none") is found.new.read("none") is ABSENT


def test_answers_that_are_no_json_as_the_others_are_are_counted() -> None:
    found = planned(answering(recording(), {3: "I cannot tell.", 8: "Sorry."}))
    assert isinstance(found, Plan)
    assert found.left_out == {"its answer is no JSON, as those of the others are": 2}


def test_another_format_is_not_tried_where_too_few_answers_are_json() -> None:
    prose = {number: f"Parcel {number} is lost." for number in range(20)}
    assert "Fewer than 80%" in reason(planned(answering(recording(), prose)))


def test_without_counted_tokens_neither_tokens_nor_a_price_are_known() -> None:
    found = recording()
    for row in found.usage:
        row.update(output_tokens=None, cost_usd=None)
    known = planned(found.query())
    assert isinstance(known, Plan)
    assert known.input_tokens_estimated is not None
    assert (known.output_tokens_estimated, known.cost_usd_estimated) == (None, None)
