"""A small OTLP backend on 127.0.0.1 that answers as a test wants it to."""

from __future__ import annotations

import gzip
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from latprobe_collectors.otlp.messages import from_json


@dataclass(frozen=True)
class Answer:
    """One answer; `is_kept` says whether the backend then has the spans."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    hold: threading.Event | None = None

    @property
    def is_kept(self) -> bool:
        return self.status == 200


OK = Answer()


def partial(rejected: int, reason: str) -> Answer:
    """Accepted, but for some."""
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = rejected
    answer.partial_success.error_message = reason
    return Answer(body=answer.SerializeToString())


class OtlpBackend:
    """What arrived, and how the next requests are answered."""

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.kept: list[int] = []
        self.requests: list[tuple[str, dict[str, str], list[int]]] = []
        self.bodies: list[ExportTraceServiceRequest] = []
        self.metrics: list[ExportMetricsServiceRequest] = []
        self.next: list[Answer] = []
        self.next_metrics: list[Answer] = []
        self.decide: Callable[[list[int]], Answer] = lambda span_ids: OK
        backend = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                backend._answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["content-length"]))
        if handler.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        if handler.path.endswith("/v1/metrics"):
            self._take_metrics(handler, ExportMetricsServiceRequest.FromString(body))
            return
        is_json = handler.headers["content-type"] == "application/json"
        request = from_json(body) if is_json else ExportTraceServiceRequest.FromString(body)
        span_ids = [
            int.from_bytes(span.span_id, "big")
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.requests.append((handler.path, headers, span_ids))
        self.bodies.append(request)
        answer = self.next.pop(0) if self.next else self.decide(span_ids)
        if answer.hold is not None:
            answer.hold.wait(10)
        if answer.is_kept:
            self.kept += span_ids
        _say(handler, answer)

    def _take_metrics(
        self, handler: BaseHTTPRequestHandler, request: ExportMetricsServiceRequest
    ) -> None:
        answer = self.next_metrics.pop(0) if self.next_metrics else OK
        if answer.hold is not None:
            answer.hold.wait(10)
        if answer.is_kept:
            self.metrics.append(request)
        _say(handler, answer)


def _say(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    handler.send_response(answer.status)
    for name, value in {**answer.headers, "content-length": str(len(answer.body))}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(answer.body)


@contextmanager
def backend(port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[OtlpBackend]:
    """A backend that is gone at the end."""
    server = OtlpBackend(port, tls)
    try:
        yield server
    finally:
        server.close()
