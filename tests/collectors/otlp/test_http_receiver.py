"""OTLP over HTTP, on a real socket."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from latprobe_collectors.otlp import http_receiver
from latprobe_collectors.otlp.refusals import OverloadedError
from latprobe_collectors.otlp.spool import Spool
from tests.collectors.otlp.building import as_json, request, span
from tests.collectors.otlp.receiving import PROTOBUF, Receiving, receiving
from tests.waiting import wait_until

GOOD = request(span(1, name="good")).SerializeToString()
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiving]:
    with receiving(tmp_path_factory.mktemp("store")) as found:
        yield found


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (GOOD, PROTOBUF, 200),
        (b"", PROTOBUF, 200),
        (GOOD, {"Content-Type": "application/x-protobuf; charset=utf-8"}, 200),
        (gzip.compress(GOOD, mtime=0), {**PROTOBUF, "Content-Encoding": "gzip"}, 200),
        (as_json(request(span(1, name="good"))), JSON, 200),
        (b"\xff" * 99, PROTOBUF, 400),
        (GOOD, JSON, 400),
        (GOOD, {**PROTOBUF, "Content-Encoding": "gzip"}, 400),
        (gzip.compress(GOOD, mtime=0)[:-9], {**PROTOBUF, "Content-Encoding": "gzip"}, 400),
        (bytes(33 << 20), PROTOBUF, 413),
        (gzip.compress(bytes(65 << 20), mtime=0), {**PROTOBUF, "Content-Encoding": "gzip"}, 413),
        (GOOD, {"Content-Type": "text/plain"}, 415),
        (GOOD, {}, 415),
        (GOOD, {**PROTOBUF, "Content-Encoding": "br"}, 415),
    ],
)
def test_each_body_gets_its_status(
    server: Receiving, body: bytes, headers: dict[str, str], status: int
) -> None:
    assert server.send(body, headers).status == status


def test_other_methods_and_paths_are_told_so(server: Receiving) -> None:
    get = server.send(b"", method="GET")
    metrics = server.send(b"", JSON, path="/v1/metrics")

    assert (get.status, get.headers["Allow"]) == (405, "POST")
    assert (metrics.status, json.loads(metrics.body)["message"]) == (
        404,
        "latprobe keeps traces only. Set OTEL_METRICS_EXPORTER=none.",
    )
    assert server.send(b"", path="/v1/tracez").status == 404


def test_rejected_spans_are_counted_with_their_reason_and_the_others_kept(tmp_path: Path) -> None:
    mixed = request(span(1, name="left"), span(2, span_id=bytes(8)), span(3, name="right"))
    with receiving(tmp_path) as server:
        binary = server.send(mixed.SerializeToString())
        text = server.send(as_json(mixed), JSON)
        partial = ExportTraceServiceResponse.FromString(binary.body).partial_success

        assert (partial.rejected_spans, partial.error_message) == (1, "span_id is zero (1)")
        assert json.loads(text.body) == {
            "partialSuccess": {"rejectedSpans": "1", "errorMessage": "span_id is zero (1)"}
        }
        assert server.names(2) == ["left", "right"]


def test_a_chunked_body_is_read(server: Receiving) -> None:
    head = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
    middle = len(GOOD) // 2
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in (GOOD[:middle], GOOD[middle:]))
    with socket.create_connection(("127.0.0.1", server.receiver.ports["http"]), 10) as peer:
        peer.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")

        assert peer.recv(100).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\xff nonsense\r\n\r\n",
        b"POST /v1/traces HTTP/1.1\r\nContent-Type: application/x-protobuf\r\n"
        b"Content-Length: many\r\n\r\n",
        b"POST /v1/traces HTTP/1.1\r\nContent-Type: application/x-protobuf\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n-5\r\n",
    ],
)
def test_what_is_not_http_is_a_bad_request(server: Receiving, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.receiver.ports["http"]), 10) as peer:
        peer.sendall(sent)

        assert peer.recv(100).startswith(b"HTTP/1.1 400")


def test_a_client_that_leaves_in_the_middle_harms_nobody(server: Receiving) -> None:
    with socket.create_connection(("127.0.0.1", server.receiver.ports["http"]), 10) as peer:
        peer.sendall(
            b"POST /v1/traces HTTP/1.1\r\nContent-Type: application/x-protobuf\r\n"
            b"Content-Length: 1000000\r\n\r\nabc"
        )

    assert server.send(GOOD).status == 200


def test_more_connections_than_allowed_are_told_to_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_receiver, "MAX_CONNECTIONS", 2)
    with receiving(tmp_path) as server:
        port = server.receiver.ports["http"]
        held = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(2)]
        refused = server.send(GOOD)
        for peer in held:
            peer.close()
        wait_until(lambda: server.send(GOOD).status == 200)

    assert (refused.status, refused.headers["Retry-After"]) == (503, "1")


def test_a_store_that_is_behind_refuses_until_it_has_caught_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving(tmp_path) as server:
        with monkeypatch.context() as patch:
            patch.setattr(Spool, "append", _behind)
            refused = server.send(GOOD)

        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        assert server.send(GOOD).status == 200


def _behind(*_: object) -> None:
    raise OverloadedError("The store is behind.")


def test_with_a_token_only_those_who_show_it_are_heard(tmp_path: Path) -> None:
    with receiving(tmp_path, token="secret") as server:
        without = server.send(GOOD)
        wrong = server.send(GOOD, {**PROTOBUF, "Authorization": "Bearer guess"})
        right = server.send(GOOD, {**PROTOBUF, "Authorization": "Bearer secret"})

    assert (without.status, wrong.status, right.status) == (401, 401, 200)
    assert without.headers["WWW-Authenticate"] == "Bearer"


def test_many_requests_share_a_connection(server: Receiving) -> None:
    con = http.client.HTTPConnection("127.0.0.1", server.receiver.ports["http"], timeout=10)
    statuses = []
    for _ in range(5):
        con.request("POST", "/v1/traces", GOOD, PROTOBUF)
        answer = con.getresponse()
        statuses.append((answer.status, answer.read()))
    con.close()

    assert statuses == [(200, b"")] * 5
