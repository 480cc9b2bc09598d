from __future__ import annotations

import pytest

from latprobe.advice.rules import prefill_long
from tests.advice.answers import Prompt, figures, one, prose, suggestions
from tests.advice.pipelines import Recording, _tokens

MS_A_TOKEN = 0.15
LONG = prose(Recording(seed=1), 9_000)


def reading(
    words: tuple[int, int], requests: int = 80, ms_a_token: float = MS_A_TOKEN
) -> Recording:
    """Calls that take so long a token of their prompt, before a short answer."""
    recording = Recording(seed=5)
    for number in range(requests):
        count = recording.random.randint(*words)
        given = f"{number} {LONG[: count * 7]}"
        prompt: Prompt = [("retrieved", given), ("user", "Sum it up.")]
        text = prose(recording, recording.random.randint(5, 25))
        first = (50 + ms_a_token * _tokens(given)) * recording.random.lognormvariate(0, 0.03)
        ms = first + 5 * _tokens(text)
        with recording.request("sum") as request:
            request.stage("load", 20)
            request.call(
                "llm", ms, exact=True, prompt=prompt, output=text, ttft_ns=int(first * 1e6)
            )
    return recording


def test_the_time_of_half_the_prompt_is_what_the_model_of_latency_says() -> None:
    recording = reading((3_000, 8_000))
    found = one(prefill_long, recording)
    assert found.verdict == "do"
    saving = found.saving
    assert saving is not None
    assert saving.p50_ms is not None
    assert saving.input_tokens is not None
    assert "latency saved" not in figures(found)
    expected = MS_A_TOKEN * saving.input_tokens
    assert saving.p50_ms.value == pytest.approx(expected, rel=0.2)


def test_short_prompts_are_fine() -> None:
    assert suggestions(prefill_long, reading((200, 900))) == []


def test_long_prompts_that_cost_little_time_are_fine() -> None:
    assert suggestions(prefill_long, reading((3_000, 8_000), ms_a_token=0.001)) == []


def test_too_few_calls_for_a_model_of_latency_say_so() -> None:
    found = one(prefill_long, reading((3_000, 8_000), requests=30))
    assert found.verdict == "not enough data"
