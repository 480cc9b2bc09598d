"""Connections, distance and payloads; and what could start earlier."""

from __future__ import annotations

import pytest

from latprobe.advice.context import Context
from latprobe.advice.rules import earlier_start, network_bound
from tests.advice.gains import p50_ms
from tests.advice.pipelines import Recording


def test_connections_made_for_each_request_are_to_be_kept() -> None:
    recording = Recording(seed=1)
    for number in range(80):
        with recording.request() as request:
            with request.inside("GET search", kind="client") as call:
                call.stage("tls handshake", 60)
                call.wait(90)
            if number % 40 == 0:
                request.stage("db.connect", 100)
            request.stage("llm", 300)
    (only,) = network_bound.find(Context(recording.query()))
    assert only.subject == "tls handshake"
    assert p50_ms(only) == pytest.approx(60, rel=0.15)


def served(wire_ms: float) -> Recording:
    recording = Recording(seed=2)
    for _ in range(60):
        with recording.request() as request:
            with request.inside("POST embed", kind="client") as call:
                call.wait(wire_ms / 2)
                call.stage("embed", 60, remote_parent=True, pid=2)
                call.wait(wire_ms / 2)
            request.stage("llm", 200)
    return recording


def test_connections_of_a_models_client_are_to_be_kept_too() -> None:
    recording, post = Recording(seed=1), {"name": "POST", "kind": "client"}
    for _ in range(60):
        with recording.request() as request:
            chat = {"kind": "client", "operation": "chat", "model": "m", "modality": "text"}
            with request.inside("chat m", **chat) as call, call.inside(**post) as sent:
                sent.stage("tls handshake", 60, kind="client")
                sent.wait(200)
    (only,) = network_bound.find(Context(recording.query()))
    assert only.subject == "tls handshake"
    assert p50_ms(only) == pytest.approx(60, rel=0.15)


def test_time_that_neither_side_saw_is_the_networks() -> None:
    (only,) = network_bound.find(Context(served(80).query()))
    assert only.subject == "POST embed"
    assert p50_ms(only) == pytest.approx(80, rel=0.15)
    assert not list(network_bound.find(Context(served(4).query())))


def sent(ms_a_megabyte: float) -> Recording:
    recording = Recording(seed=3, spread=0.05)
    for number in range(90):
        size = (1 + number % 9) * 500_000
        with recording.request() as request:
            request.stage(
                "POST upload", 40 + ms_a_megabyte * size / 1e6, kind="client",
                attributes={"http.request.body.size": size},
            )  # fmt: skip
    return recording


def test_time_that_grows_with_the_payload_is_found() -> None:
    (only,) = network_bound.find(Context(sent(50).query()))
    assert p50_ms(only) == pytest.approx(125, rel=0.1)
    assert not list(network_bound.find(Context(sent(1).query())))


def test_a_stage_that_has_run_first_need_not_wait_for_two_others() -> None:
    recording = Recording(seed=4)
    for number in range(100):
        order = [("parse", 60), ("classify", 80), ("profile", 120)]
        with recording.request() as request:
            for name, ms in order if number % 10 else order[::-1]:
                request.stage(name, ms)
            request.stage("llm", 200)
    found = {each.subject: each for each in earlier_start.find(Context(recording.query()))}
    assert p50_ms(found["profile"]) == pytest.approx(108, rel=0.2)


@pytest.mark.parametrize(
    "name", ["load_model", "AutoModel.from_pretrained", "faiss.read_index", "ort.InferenceSession"]
)
def test_what_makes_ready_is_to_be_done_before_requests(name: str) -> None:
    recording = Recording(seed=5)
    for _ in range(50):
        with recording.request() as request:
            request.stage("parse", 30)
            request.stage(name, 250)
            request.stage("answer", 100)
    (only,) = earlier_start.find(Context(recording.query()))
    assert p50_ms(only) == pytest.approx(250, rel=0.1)


def test_a_healthy_chain_has_no_earlier_start() -> None:
    recording = Recording(seed=6)
    for _ in range(50):
        with recording.request() as request:
            for name in ("load_documents", "embed", "search_index.read", "rerank", "llm"):
                request.stage(name, 100)
    context = Context(recording.query())
    assert not list(earlier_start.find(context))
    assert not list(network_bound.find(context))
