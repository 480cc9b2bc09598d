from __future__ import annotations

import json
from typing import Any

import pytest

from latprobe.advice.rules import input_format
from tests.advice.answers import Prompt, figures, one, prose, recorded, suggestions
from tests.advice.pipelines import Recording, _tokens


def rows(r: Recording, count: int) -> list[dict[str, Any]]:
    return [
        {"customer_name": prose(r, 2), "total_amount": r.random.randint(1, 999), "is_open": True}
        for _ in range(count)
    ]


def prompt(r: Recording, _: int) -> Prompt:
    table = json.dumps(rows(r, r.random.randint(15, 30)), indent=2)
    return [("system", "Answer from the table."), ("retrieved", table), ("user", prose(r, 12))]


def answer(r: Recording, _: int) -> str:
    return prose(r, r.random.randint(10, 60))


def test_json_in_the_prompt_is_written_shorter_and_read_back_equal() -> None:
    recording = recorded(answer, prompt=prompt)
    found = one(input_format, recording)
    assert found.verdict == "do"
    assert figures(found)["parts of them"] == "retrieved"
    sample = found.sample
    assert sample is not None
    assert sample.meaning == "lossless"
    assert sample.before_tokens == _tokens(sample.before)
    assert sample.after_tokens == _tokens(sample.after)
    saving = found.saving
    assert saving is not None
    assert saving.input_tokens is not None
    given = sum(row["input_tokens"] for row in recording.usage) / len(recording.usage)
    assert 0.5 * given < saving.input_tokens < 0.9 * given


def test_the_cost_is_what_the_provider_bills_for_input() -> None:
    found = one(input_format, recorded(answer, prompt=prompt, cost_usd=0.001))
    saving = found.saving
    assert saving is not None
    assert saving.cost_usd_per_1000 is not None
    # 1,000 requests cost 1 USD. Of gpt-4o-mini's tokens those of the output cost four times as much
    # as those of the input, and half of the latter go.
    assert 0.3 < saving.cost_usd_per_1000.value < 0.8


def test_prose_and_short_json_are_fine() -> None:
    def plain(r: Recording, _: int) -> Prompt:
        return [
            ("system", prose(r, 150)),
            ("retrieved", prose(r, 200)),
            ("user", json.dumps({"id": 7, "ask": prose(r, 12)})),
        ]

    assert suggestions(input_format, recorded(answer, prompt=plain)) == []


def test_where_the_cached_prefix_got_too_short_it_would_cost_more() -> None:
    table = json.dumps(rows(Recording(seed=9), 160), indent=2)

    def cached(r: Recording, _: int) -> Prompt:
        return [("system", f"Answer from this.\n{table}"), ("user", prose(r, 12))]

    prefix = _tokens(f"Answer from this.\n{table}")
    assert prefix > 4_096
    usage = {"cache_read_tokens": prefix, "uncached_input_tokens": 30}
    kept = one(input_format, recorded(answer, prompt=cached, usage=usage))
    cached_now, saved = (figures(kept)[name] for name in ("of them cached today", "tokens saved"))
    assert cached_now == pytest.approx(saved, rel=0.05)
    # OpenAI keeps 1,024 tokens and more, of which enough are left; Claude's small model 4,096.
    assert kept.verdict == "do"
    claude: dict[str, Any] = {"model": "claude-haiku-4-5", "provider": "anthropic"}
    lost = one(input_format, recorded(answer, prompt=cached, usage=usage, **claude))
    assert lost.verdict == "don't"
    assert lost.reason is not None
    assert "below the 4,096" in lost.reason


def test_a_few_calls_are_not_enough() -> None:
    assert one(input_format, recorded(answer, prompt=prompt, requests=7)).verdict == (
        "not enough data"
    )
