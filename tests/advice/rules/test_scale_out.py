"""Lines in front of a stage, replicas, and servers that would batch."""

from __future__ import annotations

import heapq
from typing import Any

import pytest

from latprobe.advice.context import Context
from latprobe.advice.rules import dedicated_server, load_imbalance, scale_out
from latprobe.analysis.whatif import Replicas
from tests.advice.gains import p50_ms, p95_ms, saving
from tests.advice.pipelines import Recording


def in_line(every_ms: float, *, servers: int = 1, requests: int = 300, **columns: Any) -> Recording:
    """Requests that come at random, each with 100 ms of work on one of the servers."""
    recording = Recording(seed=1)
    free = [0.0] * servers
    now = 0.0
    for _ in range(requests):
        now += recording.random.expovariate(1 / every_ms)
        with recording.request(start_ms=now) as request:
            request.stage("parse", 5)
            request.now_ms = max(request.now_ms, heapq.heappop(free))
            step = request.stage("detect", 100, **columns)
            heapq.heappush(free, step.end_ms)
            request.stage("format", 5)
    return recording


def on_replicas(
    share: float, *, others: str = "b", every_ms: float = 75, requests: int = 500
) -> Recording:
    """Replicas of which "a" gets that share of the work, each with a line of its own."""
    recording = Recording(seed=2)
    free = dict.fromkeys(f"a{others}", 0.0)
    now = 0.0
    for _ in range(requests):
        now += recording.random.expovariate(1 / every_ms)
        name = "a" if recording.random.random() < share else recording.random.choice(others)
        with recording.request(start_ms=now) as request:
            request.stage("parse", 5)
            request.now_ms = max(request.now_ms, free[name])
            free[name] = request.stage("detect", 90, attributes={"replica": name}).end_ms
    return recording


def test_a_line_before_a_stage_asks_for_one_more_server() -> None:
    (only,) = scale_out.find(Context(in_line(120).query()))
    assert only.subject == "detect"
    assert only.changes == (Replicas("detect", 2),)
    assert saving(only).basis == "queue"
    assert p95_ms(only) > 150
    assert not list(dedicated_server.find(Context(in_line(120).query())))  # no model


def test_a_line_by_chance_before_servers_that_idle_is_none() -> None:
    context = Context(in_line(125, servers=2).query())
    (detect,) = [each for each in context.load.stages if each.name == "detect"]
    assert detect.waits is not None
    assert detect.waits.share > 0.05
    assert not list(scale_out.find(context))


def test_a_model_that_takes_one_input_at_a_time_is_to_be_served_in_batches() -> None:
    context = Context(in_line(120, model="yolo", modality="image").query())
    (only,) = dedicated_server.find(context)
    assert saving(only).basis == "bound"
    # As if nobody waited: 110 ms are left of a request.
    assert context.p50_ms - p50_ms(only) == pytest.approx(110, rel=0.15)
    hosted = in_line(120, model="gpt-4o", provider="openai", operation="chat")
    assert not list(dedicated_server.find(Context(hosted.query())))


def test_one_replica_with_most_of_the_work_is_found_and_an_even_share_is_not() -> None:
    (only,) = load_imbalance.find(Context(on_replicas(0.78).query()))
    assert only.subject == "detect"
    assert p95_ms(only) > 100
    assert not list(load_imbalance.find(Context(on_replicas(0.5).query())))


def test_a_replica_with_a_line_is_found_where_the_others_have_none() -> None:
    context = Context(on_replicas(0.7, others="bcd", every_ms=68).query())
    (only,) = load_imbalance.find(context)
    assert (only.verdict, only.subject) == ("do", "detect")
    assert p95_ms(only) > 100
    idle = on_replicas(0.7, others="bcd", every_ms=2_000)
    (only,) = load_imbalance.find(Context(idle.query()))
    assert only.verdict == "not enough data"
