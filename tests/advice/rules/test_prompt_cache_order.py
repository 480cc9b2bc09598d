from __future__ import annotations

from typing import Any

import pytest

from latprobe.advice.rules import prompt_cache_order
from tests.advice.answers import Prompt, one, prose, recorded, suggestions
from tests.advice.pipelines import Recording, _tokens

STANDING = "\n".join(prose(Recording(seed=at), 14) for at in range(150))


def clock_first(r: Recording, number: int) -> Prompt:
    now = f"It is {number % 24:02}:{r.random.randint(10, 59)}:{number:05} now."
    return [("system", f"{now}\n{STANDING}"), ("user", prose(r, 12))]


def clock_last(r: Recording, number: int) -> Prompt:
    return [("system", STANDING), ("user", f"It is {number} now. {prose(r, 12)}")]


def run(prompt: Any, requests: int = 60, **call: Any) -> Recording:
    return recorded(
        lambda r, _: prose(r, r.random.randint(10, 60)), prompt=prompt, requests=requests, **call
    )


def test_a_clock_before_standing_text_keeps_it_out_of_the_cache() -> None:
    recording = run(clock_first, cost_usd=0.0005)
    found = one(prompt_cache_order, recording)
    assert found.verdict == "do"
    saving = found.saving
    assert saving is not None
    assert saving.cost_usd_per_1000 is not None
    # gpt-4o-mini: 0.15 USD a million tokens of input and 0.6 of output; cached ones at half.
    given = sum(row["input_tokens"] for row in recording.usage) / 60
    made = sum(row["output_tokens"] for row in recording.usage) / 60
    whole = given * 0.15 + made * 0.6
    expected = 0.5 * 0.5 * _tokens(STANDING) * 0.15 / whole
    assert saving.cost_usd_per_1000.value == pytest.approx(expected, rel=0.1)
    assert saving.input_tokens is None


def test_without_a_price_the_discount_stands_as_the_tokens_it_is_worth() -> None:
    saving = one(prompt_cache_order, run(clock_first)).saving
    assert saving is not None
    assert saving.tokens_estimated
    assert saving.input_tokens == pytest.approx(0.5 * _tokens(STANDING), rel=0.1)


def test_standing_parts_behind_the_question_are_seen_by_their_hashes_alone() -> None:
    def behind(r: Recording, number: int) -> Prompt:
        return [("user", prose(r, 12)), ("system", STANDING)]

    recording = run(behind)
    for text in recording.texts.values():
        text["text"] = None
    assert one(prompt_cache_order, recording).verdict == "do"


def test_standing_text_first_is_fine_and_so_are_prompts_too_short_to_keep() -> None:
    assert suggestions(prompt_cache_order, run(clock_last)) == []

    def short(r: Recording, number: int) -> Prompt:
        return [("system", f"It is {number}.\n{STANDING[:2_000]}"), ("user", prose(r, 12))]

    assert suggestions(prompt_cache_order, run(short)) == []


def test_calls_an_hour_apart_gain_nothing() -> None:
    recording = run(clock_first)
    for number, row in enumerate(recording.usage):
        row["start_ns"] += number * 3_600_000_000_000
    assert suggestions(prompt_cache_order, recording) == []
    # Where writing the cache is billed, it would even cost.
    for row in recording.usage:
        row |= {"provider": "anthropic", "model": "claude-sonnet-4-5"}
    found = one(prompt_cache_order, recording)
    assert found.verdict == "don't"
    assert "each would pay to write it" in str(found.reason)


def test_a_few_calls_are_not_enough() -> None:
    found = one(prompt_cache_order, run(clock_first, requests=8))
    assert found.verdict == "not enough data"
