"""What would be asked again, and when nothing is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from latprobe.advice.outputs.answer_formats import compact_json
from latprobe.advice.replay.plan import Plan, plan
from latprobe.advice.suggestion import Suggestion
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.scope import EVERYTHING
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
    assert found.input_tokens_estimated > found.output_tokens_estimated > 0
    assert found.cost_usd_estimated is not None
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
