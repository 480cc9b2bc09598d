"""Beginnings of prompts that an engine of one's own reads again and again."""

from __future__ import annotations

import pytest

from latprobe.advice.context import Context
from latprobe.advice.rules import kv_cache
from tests.advice.gains import p50_ms, saving
from tests.advice.pipelines import Recording

MS_A_TOKEN_IN, MS_A_TOKEN_OUT = 0.2, 5.0


def engine(shared: int) -> Recording:
    """Calls with so many shared tokens before 100 to 700 of their own."""
    recording = Recording(seed=1, spread=0.03)
    system = "rule " * shared
    for number in range(120):
        with recording.request() as request:
            own = 100 + 200 * (number % 4)
            made = 10 + 7 * (number % 11)
            took = (shared + own) * MS_A_TOKEN_IN + made * MS_A_TOKEN_OUT
            prompt = [("system", system), ("question", f"{number} " + "word " * own)]
            request.call(
                "llm", took, model="qwen-7b", provider="vllm", prompt=prompt,
                output="yes " * made,
                ttft_ns=int((shared + own) * MS_A_TOKEN_IN * 1e6),
            )  # fmt: skip
    return recording


@pytest.fixture(scope="module")
def long_beginning() -> Recording:
    return engine(1000)


def test_a_long_shared_beginning_saves_what_reading_it_takes(long_beginning: Recording) -> None:
    (only,) = kv_cache.find(Context(long_beginning.query()))
    assert only.verdict == "do"
    assert saving(only).basis == "bound"
    assert p50_ms(only) == pytest.approx(1000 * MS_A_TOKEN_IN, rel=0.25)


def test_short_beginnings_and_hosted_models_stay_silent(long_beginning: Recording) -> None:
    assert not list(kv_cache.find(Context(engine(100).query())))
    hosted = long_beginning.query()
    for table in ("spans", "usage"):
        hosted.connection.execute(
            f"UPDATE {table} SET provider = 'anthropic' WHERE provider = 'vllm'"
        )
    assert not list(kv_cache.find(Context(hosted)))


def test_without_times_to_the_first_token_and_lengths_like_it_data_are_not_enough(
    long_beginning: Recording,
) -> None:
    untimed = long_beginning.query()
    untimed.connection.execute("UPDATE spans SET ttft_ns = NULL")
    (only,) = kv_cache.find(Context(untimed))
    assert only.verdict == "not enough data"
