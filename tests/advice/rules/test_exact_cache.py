"""Answers that were given before."""

from __future__ import annotations

from typing import Any

import pytest

from latprobe.advice.context import Context
from latprobe.advice.rules import embedding_cache, exact_cache, near_cache, repeated_calls
from tests.advice.gains import p50_ms, saving, usd_per_1000
from tests.advice.pipelines import Recording


def asked(questions: list[str], *, stage: str = "llm", **columns: Any) -> Recording:
    recording = Recording(seed=1)
    for number, question in enumerate(questions):
        with recording.request() as request:
            request.stage("parse", 20)
            request.call(
                stage, 300, prompt=[("system", "Answer."), ("question", question)],
                output=f"answer to {question}", cost_usd=0.001, **columns,
            )  # fmt: skip
        del number
    return recording


def test_questions_that_come_again_are_worth_a_cache() -> None:
    recording = asked([f"question {number % 40}" for number in range(160)])
    (only,) = exact_cache.find(Context(recording.query()))
    # 120 of 160 calls are repeats: the median request falls to its parsing.
    assert p50_ms(only) == pytest.approx(300, rel=0.1)
    assert usd_per_1000(only) == pytest.approx(0.75, rel=0.01)
    assert saving(only).basis == "simulation"


def test_questions_that_differ_or_are_sampled_on_purpose_stay_silent() -> None:
    assert not list(exact_cache.find(Context(asked([str(n) for n in range(80)]).query())))
    recording = Recording(seed=1)
    for number in range(80):
        with recording.request() as request:
            request.call("llm", 300, prompt=[("question", "a poem")], output=f"poem {number}")
    assert not list(exact_cache.find(Context(recording.query())))


def test_few_calls_that_repeat_are_not_enough_data() -> None:
    recording = asked([f"question {number % 4}" for number in range(30)])
    (only,) = exact_cache.find(Context(recording.query()))
    assert only.verdict == "not enough data"
    assert "30 calls" in str(only.reason)


def test_stages_that_name_their_input_by_a_hash_are_seen_without_content() -> None:
    recording = Recording(seed=2)
    for number in range(100):
        with recording.request() as request:
            request.stage("ocr", 200, attributes={"input_hash": f"page{number % 20}"})
            request.stage("text.embed", 100, attributes={"input_hash": f"page{number % 20}"})
    context = Context(recording.query())
    (ocr,) = exact_cache.find(context)
    (embed,) = embedding_cache.find(context)
    assert (ocr.subject, embed.subject) == ("ocr", "text.embed")
    assert p50_ms(ocr) == pytest.approx(200, rel=0.2)
    assert p50_ms(embed) == pytest.approx(100, rel=0.2)


def test_distinct_texts_need_no_embedding_cache() -> None:
    recording = Recording(seed=2)
    for number in range(80):
        with recording.request() as request:
            request.stage("embed", 100, attributes={"input_hash": f"page{number}"})
    assert not list(embedding_cache.find(Context(recording.query())))


def test_like_questions_with_one_answer_are_worth_a_near_cache() -> None:
    polite = ["please tell me", "could you tell me", "kindly tell me", "now tell me"]
    recording = Recording(seed=3)
    for number in range(160):
        topic = "abcdefghijklmnopqrst"[number % 20] * 4
        text = f"{polite[number // 20 % 4]} how the {topic} return policy for {topic} goods works"
        with recording.request() as request:
            request.call(
                "llm", 300, prompt=[("question", text)], output=f"the policy of {topic} is fair"
            )
    (only,) = near_cache.find(Context(recording.query()))
    assert p50_ms(only) > 200


def test_like_questions_about_other_numbers_stay_silent() -> None:
    text = "please tell me what the present state of the delivery of my order with number"
    recording = asked([f"{text} {4000 + number} is" for number in range(120)])
    assert not list(near_cache.find(Context(recording.query())))


def test_the_same_call_twice_in_a_request_is_found_by_hashes() -> None:
    recording = Recording(seed=4)
    for number in range(60):
        with recording.request() as request:
            for _ in range(2):
                request.call(
                    "llm.classify", 200, prompt=[("question", f"text {number}")], output="yes",
                    cost_usd=0.001,
                )  # fmt: skip
            for _ in range(2):
                request.stage("load_user", 50, attributes={"cache_key": f"user {number}"})
            given = {"gen_ai.tool.call.arguments": f"day {number}"}
            for _ in range(2):
                request.stage("execute_tool rates", 80, attributes=given)
    tool, classify, user = repeated_calls.find(Context(recording.query()))
    assert (classify.subject, user.subject) == ("llm.classify", "load_user")
    assert tool.subject == "execute_tool rates"
    assert p50_ms(classify) == pytest.approx(200, rel=0.1)
    assert usd_per_1000(classify) == pytest.approx(1.0)
    assert p50_ms(user) == pytest.approx(50, rel=0.1)


def test_samples_drawn_on_purpose_retries_and_other_inputs_are_no_repeats() -> None:
    recording = Recording(seed=5)
    for number in range(60):
        with recording.request() as request:
            for draw in range(3):
                request.call("vote", 99, prompt=[("question", "q")], output=f"{number} {draw}")
            request.call("flaky", 50, prompt=[("question", "q")], output="a", status="error")
            request.call("flaky", 50, prompt=[("question", "q")], output="a")
            request.stage("load", 50, attributes={"cache_key": "one"})
            request.stage("load", 50, attributes={"cache_key": "two"})
            for state in ("queued", "done"):
                attributes = {"gen_ai.tool.call.arguments": "job 1", "tool_response": state}
                request.stage("execute_tool job", 50, attributes=attributes)
                request.stage("job.poll", 50, attributes={"cache_key": "one"})
    assert not list(repeated_calls.find(Context(recording.query())))
