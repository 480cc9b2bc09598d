"""What the settings make the agent hand out."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from latprobe.agent.metrics_server import MetricsServer
from latprobe.agent.outlets import Outlets
from latprobe.store.owner import StoreOwner
from latprobe_collectors.otlp.listening import Listening
from tests.agent.otlp_backend import backend
from tests.journal.building import SegmentBuilder
from tests.waiting import wait_until


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[StoreOwner]:
    with StoreOwner(tmp_path / "store") as found:
        yield found


def one_span(owner: StoreOwner) -> None:
    build = SegmentBuilder(owner.home / "journal" / "a.lpj")
    build.span("ask")
    build.close()
    owner.ingest_pending()


def test_the_standard_variable_alone_switches_the_export_on(
    owner: StoreOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    with backend() as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.port}")
        outlets = Outlets(owner)
        outlets.start()
        one_span(owner)
        wait_until(lambda: server.kept == [1])
        wait_until(lambda: not outlets.need_time())
        is_open = outlets.is_open
        outlets.stop()

    assert is_open


def test_without_a_setting_nothing_is_handed_out(owner: StoreOwner) -> None:
    outlets = Outlets(owner)
    outlets.start()
    one_span(owner)

    assert (outlets.need_time(), outlets.is_open, owner.notes) == (False, False, [])


def test_an_agent_does_not_send_to_itself(
    owner: StoreOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318")
    outlets = Outlets(owner, Listening())
    one_span(owner)

    assert outlets.need_time() is False
    assert owner.notes == [
        "http://localhost:4318/v1/traces is this agent's own receiver, so nothing is exported "
        "there. Set LATPROBE_OTLP_ENDPOINT to another backend."
    ]


def test_a_setting_that_cannot_be_meant_is_a_note(
    owner: StoreOwner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATPROBE_OTLP_ENDPOINT", "nonsense://")
    Outlets(owner).start()

    assert owner.notes == [
        "Nothing is exported: The OTLP endpoint 'nonsense://' is no address; "
        "write http://HOST:4318 or https://HOST."
    ]


def get(port: int, path: str, host: str | None = None) -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    if host is not None:
        request.add_header("Host", host)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_metrics_are_served_to_this_machine_only(owner: StoreOwner) -> None:
    one_span(owner)
    server = MetricsServer(owner.query, port=0)
    server.start()
    try:
        status, text = get(server.port, "/metrics")
        others = [get(server.port, "/"), get(server.port, "/metrics", "evil.example:80")]
    finally:
        server.stop()

    assert (status, 'stage="ask"' in text) == (200, True)
    assert others == [(404, "see /metrics\n"), (403, "only for this machine\n")]
