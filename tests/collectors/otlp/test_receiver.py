"""The receiver with OpenTelemetry's own exporters as clients, and as part of the agent."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
    OTLPSpanExporter as GrpcExporter,
)
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter

from latprobe.agent.__main__ import listening_place
from latprobe.errors import UsageError
from latprobe.store.owner import StoreOwner
from latprobe_collectors.otlp.listening import Listening
from latprobe_collectors.otlp.receiver import OtlpReceiver
from tests.agent.agents import client_of, start
from tests.collectors.otlp.building import request, span
from tests.collectors.otlp.receiving import Receiving, receiving
from tests.waiting import wait_until


def exporters(server: Receiving) -> dict[str, SpanExporter]:
    """One of each way to send."""
    return {
        "http": OTLPSpanExporter(server.http_url),
        "gzip": OTLPSpanExporter(server.http_url, compression=Compression.Gzip),
        "grpc": GrpcExporter(server.grpc_target, insecure=True),
    }


def test_what_the_sdks_exporters_send_is_stored_as_it_was(tmp_path: Path) -> None:
    with receiving(tmp_path) as server:
        for way, exporter in exporters(server).items():
            provider = TracerProvider(resource=Resource({"service.name": way}))
            provider.add_span_processor(SimpleSpanProcessor(exporter))
            tracer = provider.get_tracer("shop", "1")
            with tracer.start_as_current_span("request"), tracer.start_as_current_span("chat") as s:
                s.set_attribute("gen_ai.request.model", "gpt")
                s.set_attribute("gen_ai.usage.input_tokens", 12)
            provider.shutdown()
        server.names(6)
        found = server.owner.query(
            "SELECT r.service, s.name, p.name AS parent, s.model, s.input_tokens, s.scope "
            "FROM spans s JOIN runs r USING (run_id) LEFT JOIN spans p "
            "ON p.trace_id = s.trace_id AND p.span_id = s.parent_span_id ORDER BY 1, 2"
        ).to_pylist()

    assert [tuple(row.values()) for row in found] == [
        row
        for way in ("grpc", "gzip", "http")
        for row in (
            (way, "chat", "request", "gpt", 12, "shop@1"),
            (way, "request", None, None, None, "shop@1"),
        )
    ]


def test_a_busy_port_is_said_in_one_line_and_the_other_protocol_is_received(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, StoreOwner(tmp_path) as owner:
        port = taken.getsockname()[1]
        receiver = OtlpReceiver(owner, Listening(http_port=port, grpc_port=0))
        receiver.start()
        ports, problems = receiver.ports, receiver.problems
        receiver.close()

    assert (list(ports), len(problems)) == (["grpc"], 1)
    assert f"127.0.0.1:{port} cannot be listened on" in problems[0]
    assert "--otlp-http-port" in problems[0]


def test_without_grpcio_http_is_received_and_the_pip_line_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "latprobe_collectors.otlp.grpc_receiver", None)
    with receiving(tmp_path) as server:
        assert (list(server.receiver.ports), server.receiver.problems) == (
            ["http"],
            ["OTLP is received over HTTP only. For gRPC: pip install 'latprobe[otlp]'"],
        )


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::", "box.example"])
def test_other_hosts_than_this_one_need_a_token(host: str) -> None:
    with pytest.raises(UsageError, match="LATPROBE_OTLP_TOKEN"):
        Listening(host=host).check()
    Listening(host=host, token="secret").check()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "::1"])
def test_this_host_needs_none(host: str) -> None:
    Listening(host=host).check()


@contextmanager
def receiving_agent(home: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """An agent process that receives, and its HTTP port; killed at the end."""
    process = start(home, "--otlp", "--otlp-http-port", "0", "--otlp-grpc-port", "0", idle_s=0.1)
    log = home / "agent.log"

    def ports() -> list[int]:
        lines = [line for line in log.read_text().splitlines() if "over http is received" in line]
        return [int(line.split()[-1]) for line in lines]

    seen = len(ports())
    try:
        wait_until(lambda: len(ports()) > seen, timeout_s=20)
        yield process, ports()[-1]
    finally:
        process.kill()
        process.wait()


def post(port: int, body: bytes) -> int:
    """The status of one request."""
    con = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    con.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
    status = con.getresponse().status
    con.close()
    return status


def test_what_was_answered_200_survives_a_kill_of_the_agent(tmp_path: Path) -> None:
    sent = 0
    for _ in range(3):
        with receiving_agent(tmp_path) as (process, port):
            for _ in range(20):
                spans = [span(sent + number) for number in range(1, 51)]
                assert post(port, request(*spans).SerializeToString()) == 200
                sent += 50
            process.kill()
    with receiving_agent(tmp_path), client_of(tmp_path) as client:

        def stored() -> list[int]:
            table = client.query("SELECT count(*) AS n, count(DISTINCT span_id) AS ids FROM spans")
            return list(table.to_pylist()[0].values())

        wait_until(lambda: stored()[0] >= sent)

        assert stored() == [sent, sent]


def test_an_agent_that_receives_does_not_leave_and_ends_in_good_order(tmp_path: Path) -> None:
    with receiving_agent(tmp_path) as (process, port):
        with pytest.raises(AssertionError):
            wait_until(lambda: process.poll() is not None, timeout_s=1)
        assert post(port, request(span()).SerializeToString()) == 200
        process.terminate()

        assert process.wait(20) == 0
    with StoreOwner(tmp_path) as owner:
        assert owner.query("SELECT count(*) AS n FROM spans").to_pylist() == [{"n": 1}]


def test_an_agent_receives_nothing_unless_asked() -> None:
    nothing = listening_place(is_asked=False, host=None, http_port=None, grpc_port=None)

    assert nothing is None


def test_the_setting_asks_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATPROBE_OTLP_RECEIVER", "on")
    monkeypatch.setenv("LATPROBE_OTLP_TOKEN", "secret")
    monkeypatch.setenv("LATPROBE_CONTENT", "off")
    place = listening_place(is_asked=False, host=None, http_port=None, grpc_port=None)

    assert place == Listening(token="secret", keeps_content=False)
