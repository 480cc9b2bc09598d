from __future__ import annotations

from typing import Any

import pytest

from latprobe.advice.rules import output_limit
from tests.advice.answers import figures, one, prose, recorded, suggestions
from tests.advice.pipelines import Recording


def running_on(r: Recording, number: int) -> str:
    return prose(r, r.random.randint(600, 900) if number % 14 == 0 else r.random.randint(15, 40))


def limited(output: Any, **attributes: Any) -> Recording:
    return recorded(output, requests=140, attributes=attributes)


def test_a_few_answers_that_run_on_are_limited() -> None:
    found = one(output_limit, limited(running_on))
    assert found.verdict == "do"
    assert figures(found)["limit in the requests"] == "none"
    saving = found.saving
    assert saving is not None
    assert saving.output_tokens is not None
    assert saving.p95_ms is not None
    # Of 140 calls ten run on for 830 tokens more than the limit.
    assert saving.output_tokens == pytest.approx(10 / 140 * 830, rel=0.2)
    assert saving.p95_ms.value > 1_000


def test_a_limit_that_is_set_is_enough() -> None:
    assert (
        suggestions(output_limit, limited(running_on, **{"gen_ai.request.max_tokens": 4096})) == []
    )


def test_a_wide_spread_is_no_tail_and_answers_far_below_their_limit_are_fine() -> None:
    wide = limited(lambda r, _: prose(r, int(r.random.lognormvariate(3.5, 0.6)) + 1))
    assert suggestions(output_limit, wide) == []
    short = limited(lambda r, _: prose(r, 20), **{"gen_ai.request.max_tokens": 8192})
    assert suggestions(output_limit, short) == []


def test_answers_cut_at_their_limit_are_named() -> None:
    recording = recorded(lambda r, _: prose(r, 40))
    for number, row in enumerate(recording.usage):
        row["stops_early"] = number % 8 == 0
    found = one(output_limit, recording)
    assert found.verdict == "not enough data"
    assert found.title == "Look at the answers of llm that are cut at their limit (12%)"


def test_too_few_calls_have_no_tail() -> None:
    assert suggestions(output_limit, recorded(running_on, requests=60)) == []


def test_calls_that_wrote_nothing_have_nothing_to_save() -> None:
    recording = limited(running_on)
    before = one(output_limit, recording).saving
    for _ in range(70):
        with recording.request("answer") as request:
            request.call("llm", 50, prompt=[("user", "?")], usage={"output_tokens": None})
    after = one(output_limit, recording).saving
    assert before is not None
    assert before.output_tokens is not None
    assert after is not None
    assert after.output_tokens == pytest.approx(before.output_tokens * 2 / 3)
