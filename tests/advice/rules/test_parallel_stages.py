"""Stages in turn that need not be."""

from __future__ import annotations

import pytest

from latprobe.advice.context import Context
from latprobe.advice.rules import parallel_stages
from latprobe.advice.suggestion import Suggestion
from tests.advice.gains import p50_ms
from tests.advice.pipelines import Recording


def found(recording: Recording) -> list[Suggestion]:
    return list(parallel_stages.find(Context(recording.query())))


def test_image_and_audio_in_turn_are_to_run_at_once_and_save_the_shorter_one() -> None:
    recording = Recording(seed=1)
    for _ in range(120):
        with recording.request() as request:
            request.stage("vision.caption", 200, modality="image")
            request.stage("speech.transcribe", 300, modality="audio")
            request.call("llm", 400, prompt=[("question", "what is it?")], output="a dog")
    (only,) = found(recording)
    assert only.subject == "vision.caption + speech.transcribe"
    assert only.verdict == "do"
    assert p50_ms(only) == pytest.approx(200, rel=0.15)


def test_three_searches_make_one_suggestion() -> None:
    recording = Recording(seed=2)
    for _ in range(60):
        with recording.request() as request:
            for name in ("retrieve.web", "retrieve.docs", "retrieve.tickets"):
                request.stage(name, 100, modality="retrieval")
            request.stage("llm", 300)
    (only,) = found(recording)
    assert only.subject == "retrieve.web + retrieve.docs + retrieve.tickets"
    assert p50_ms(only) == pytest.approx(190, rel=0.15)


def test_one_input_for_both_or_one_kind_of_agent_is_a_sign() -> None:
    recording = Recording(seed=2)
    for number in range(60):
        given = {"input.value": f"customer {number}"}
        with recording.request() as request:
            request.stage("crm.account", 100, attributes=given)
            request.stage("shop.history", 120, attributes=given)
            request.stage("llm", 300)
            request.stage("WikiRetriever", 90)
            request.stage("MailRetriever", 90)
            request.stage("compose", 20)
            request.stage("db.fetch_user", 80)
            request.stage("db.fetch_orders", 80)
    subjects = {each.subject for each in found(recording)}
    assert subjects == {
        "crm.account + shop.history",
        "WikiRetriever + MailRetriever",
        "db.fetch_user + db.fetch_orders",
    }


def test_tool_calls_of_one_answer_are_independent() -> None:
    recording = Recording(seed=3)
    for _ in range(60):
        with recording.request() as request:
            request.stage("chat gpt", 300, operation="chat")
            request.stage("execute_tool weather", 150, operation="execute_tool")
            request.stage("execute_tool calendar", 150, operation="execute_tool")
    (only,) = found(recording)
    assert only.subject == "execute_tool weather + execute_tool calendar"


def test_stages_that_sometimes_ran_at_once_need_not_wait() -> None:
    recording = Recording(seed=4)
    for number in range(120):
        with recording.request() as request:
            if number % 8:
                request.stage("profile", 80)
                request.stage("history", 90)
            else:
                request.together([("profile", 80), ("history", 90)])
            request.stage("llm", 300)
    (only,) = found(recording)
    assert only.subject == "profile + history"
    assert "ran at once 15 times" in str(only.evidence)


def test_a_loop_over_items_is_to_run_at_once() -> None:
    recording = Recording(seed=5)
    for number in range(80):
        with recording.request() as request:
            for _ in range(3 + number % 3):
                request.stage("ocr.page", 100, modality="image")
            request.stage("llm", 200)
    (only,) = found(recording)
    assert only.subject == "ocr.page"
    # Four pages of 100 ms, of which the longest stays.
    assert p50_ms(only) == pytest.approx(285, rel=0.15)


def test_healthy_chains_loops_of_turns_and_streams_stay_silent() -> None:
    recording = Recording(seed=6)
    for number in range(60):
        given = {"input.value": f"question {number}"}
        with recording.request() as request:
            request.stage("video.demux", 50, modality="video")
            request.stage("audio.transcribe", 90, modality="audio")
            request.stage("embed", 20, modality="retrieval", operation="embeddings",
                          attributes=given)  # fmt: skip
            request.stage("search", 60, modality="retrieval", operation="retrieval",
                          attributes=given)  # fmt: skip
            request.stage("rerank", 40, modality="retrieval", operation="rerank",
                          attributes=given)  # fmt: skip
            request.stage("image.decode", 30, modality="image")
            request.stage("image.resize", 30, modality="image")
            request.stage("extract.text", 40)
            request.stage("extract.entities", 40)
            request.stage("retrieve.embed", 30)
            request.stage("retrieve.search", 30)
            for turn in range(4):  # an agent: each prompt holds the answers before
                request.call(
                    "chat", 200, prompt=[("question", "go " * 50 * (turn + 1))], output="ok " * 40
                )
            for _ in range(5):
                request.stage("denoise.step", 20, modality="image")
            for _ in range(2 + number % 3):  # asked until it is done
                request.stage("execute_tool job", 60,
                              attributes={"gen_ai.tool.call.arguments": "1"})  # fmt: skip
    assert found(recording) == []


def test_few_pairs_are_not_enough_data() -> None:
    recording = Recording(seed=7)
    for number in range(40):
        with recording.request() as request:
            if number < 8:
                request.stage("vision", 200, modality="image")
                request.stage("speech", 300, modality="audio")
            request.stage("llm", 100)
    (only,) = found(recording)
    assert only.verdict == "not enough data"
    assert "8 times" in str(only.reason)


def test_tools_named_by_a_verb_and_models_on_one_recording_are_independent() -> None:
    recording = Recording(seed=13)
    for number in range(60):
        given = {"input_hash": f"sound {number}"}
        with recording.request() as request:
            request.stage("chat gpt", 300, operation="chat")
            for tool in ("get_weather", "get_hotels"):
                request.stage(f"execute_tool {tool}", 150, operation="execute_tool")
            request.stage("compose", 20)
            request.stage("pyannote", 300, modality="audio", model="pyannote", attributes=given)
            request.stage("whisper", 400, modality="audio", model="large-v3", attributes=given)
    assert {each.subject for each in found(recording)} == {
        "execute_tool get_weather + execute_tool get_hotels", "pyannote + whisper"
    }  # fmt: skip


def test_tools_that_are_steps_of_one_chain_stay_silent() -> None:
    recording = Recording(seed=14)
    for number in range(60):
        with recording.request() as request:
            request.stage("chat gpt", 300, operation="chat")
            request.stage("execute_tool search", 150, operation="execute_tool")
            request.stage("execute_tool open_page", 150, operation="execute_tool")
            request.stage("compose", 20)
            given = {"input_hash": f"sound {number}"}
            request.stage("segment", 60, modality="audio", attributes=given)
            request.stage("whisper", 400, modality="audio", model="large-v3", attributes=given)
    assert found(recording) == []
