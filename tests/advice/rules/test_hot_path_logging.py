"""Work beside the request that it waits for, and the cost of recording."""

from __future__ import annotations

import pytest

from latprobe.advice.context import Context
from latprobe.advice.rules import hot_path_logging, own_cost
from tests.advice.gains import p50_ms, saving
from tests.advice.pipelines import Recording


def test_logging_and_serialising_in_the_request_are_found() -> None:
    recording = Recording(seed=1)
    for _ in range(60):
        with recording.request() as request:
            request.stage("llm", 300)
            request.stage("audit_log.write", 40)
            request.stage("serialize_vectors", 60)
    log, vectors = sorted(
        hot_path_logging.find(Context(recording.query())), key=lambda each: each.subject
    )
    assert (log.subject, vectors.subject) == ("audit_log.write", "serialize_vectors")
    assert p50_ms(log) == pytest.approx(40, rel=0.2)
    assert p50_ms(vectors) == pytest.approx(60, rel=0.2)
    assert saving(log).basis == "bound"


def test_cheap_logs_and_names_that_only_sound_alike_stay_silent() -> None:
    recording = Recording(seed=2)
    for _ in range(60):
        with recording.request() as request:
            request.stage("catalog.search", 100)
            request.stage("login", 50)
            request.stage("parse_logs", 90)
            request.stage("lookup.archive", 80)
            request.stage("events.upcoming", 70)
            request.stage("track", 60)
            request.stage("order.publish", 60)
            request.stage("emit.event", 60)
            request.stage("llm", 300)
            request.stage("log", 0.3)
            request.together([("answer", 100), ("telemetry", 30)])
    assert not list(hot_path_logging.find(Context(recording.query())))


def many_spans(span_cost_ns: float) -> Recording:
    recording = Recording(seed=3)
    recording.runs[1] = {"span_cost_ns": span_cost_ns}
    for _ in range(30):
        with recording.request() as request:
            for _ in range(100):
                request.stage("token", 0.2)
    return recording


def test_recording_that_takes_a_tenth_is_said_with_the_stage_to_drop() -> None:
    (only,) = own_cost.find(Context(many_spans(20_000).query()))
    assert only.subject == "token"
    assert p50_ms(only) == pytest.approx(2.0, rel=0.1)
    assert not list(own_cost.find(Context(many_spans(1_000).query())))
