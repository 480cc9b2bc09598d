"""OTLP over HTTP: POST /v1/traces in protobuf or JSON, a thread a connection."""

from __future__ import annotations

import logging
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from latprobe.version import VERSION
from latprobe_collectors.otlp.answers import failure, success
from latprobe_collectors.otlp.body import GoneError, read_body
from latprobe_collectors.otlp.intake import JSON, PROTOBUF, Intake, expand
from latprobe_collectors.otlp.refusals import Refusal, UnsupportedError

log = logging.getLogger("latprobe.agent")

MAX_CONNECTIONS = 256
IDLE_S = 30.0
TRACES = "/v1/traces"
OTHER_SIGNALS = {
    "/v1/metrics": "latprobe keeps traces only. Set OTEL_METRICS_EXPORTER=none.",
    "/v1/logs": "latprobe keeps traces only. Set OTEL_LOGS_EXPORTER=none.",
}
# What a refused client is still sending is read and dropped: closing on it would reset the
# connection before the answer is read.
MAX_DROPPED_BYTES = 256 << 20
MAX_DROPPING_S = 5.0


class HttpReceiver(ThreadingHTTPServer):
    """Listens once it is made; `serve_forever` answers until `close`. Raises OSError."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, intake: Intake, host: str, port: int) -> None:
        self.intake = intake
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._open: set[socket.socket] = set()
        super().__init__((host, port), _Handler)
        self._thread = threading.Thread(
            target=self.serve_forever, args=(0.2,), name="latprobe-otlp-http", daemon=True
        )

    @property
    def port(self) -> int:
        """The one it listens on."""
        return int(self.server_address[1])

    def start(self) -> None:
        """Answers from now on."""
        self._thread.start()

    def close(self) -> None:
        """Answers nobody any more."""
        self.shutdown()
        self.server_close()
        for client in list(self._open):
            _shut(client)

    def server_bind(self) -> None:
        """Binds without asking the resolver for this host's name, which HTTPServer does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread for the connection, or 503 when there are too many."""
        if not self._slots.acquire(blocking=False):
            request.settimeout(1)
            try:
                request.sendall(
                    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
                    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
                )
            except OSError:
                log.debug("a refused client had left")
            self.shutdown_request(request)
            return
        self._open.add(request)
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The connection's thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.discard(request)
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left is nobody's fault; anything else is ours, and logged."""
        if not isinstance(sys.exception(), OSError):
            log.exception("a request over HTTP failed")


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.0"  # so that nonsense is answered with a status line
    server_version = f"latprobe/{VERSION}"
    sys_version = ""
    timeout = IDLE_S
    disable_nagle_algorithm = True
    rbufsize = 64 << 10
    server: HttpReceiver

    def do_POST(self) -> None:
        kind = self.headers.get_content_type() if "Content-Type" in self.headers else ""
        if self.path.partition("?")[0] != TRACES:
            self._not_found(kind)
            return
        try:
            self.server.intake.check_token(self.headers.get("Authorization"))
            self._check_kind(kind)
            body = self._export(kind)
        except Refusal as refusal:
            self._refuse(refusal, kind)
        except (GoneError, TimeoutError):
            self.close_connection = True
        else:
            self._answer(200, body, kind)

    def do_GET(self) -> None:
        if self.path.partition("?")[0] in (TRACES, *OTHER_SIGNALS):
            self._answer(405, b"", "text/plain", Allow="POST")
        else:
            self._not_found("text/plain")

    def __getattr__(self, name: str) -> Any:
        # The base class looks up do_<METHOD>: every other method is answered as GET is.
        if name.startswith("do_"):
            return self.do_GET
        raise AttributeError(name)

    def _export(self, kind: str) -> bytes:
        intake = self.server.intake
        with intake.budget.share() as share:
            body = read_body(self.rfile, self.headers, share)  # type: ignore[arg-type]  # a BufferedReader
            if self.headers.get("Content-Encoding", "identity").lower() == "gzip":
                body = expand(body, share)
            return success(intake.accept(body, kind), kind)

    def _check_kind(self, kind: str) -> None:
        if kind not in (PROTOBUF, JSON):
            raise UnsupportedError(f"Send {PROTOBUF} or {JSON}.")
        encoding = self.headers.get("Content-Encoding", "identity").lower()
        if encoding not in ("identity", "gzip"):
            raise UnsupportedError("Send it plain or with Content-Encoding: gzip.")

    def _refuse(self, refusal: Refusal, kind: str) -> None:
        more: dict[str, str] = {}
        if refusal.retry_after_s is not None:
            more["Retry-After"] = str(refusal.retry_after_s)
        if refusal.status == 401:
            more["WWW-Authenticate"] = "Bearer"
        self._answer(refusal.status, failure(str(refusal), kind), kind, **more)
        self._end()

    def _not_found(self, kind: str) -> None:
        message = OTHER_SIGNALS.get(self.path.partition("?")[0], f"Send traces to {TRACES}.")
        self._answer(404, failure(message, kind), kind)
        self._end()

    def _answer(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind if kind in (PROTOBUF, JSON) else PROTOBUF)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 200:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def _end(self) -> None:
        """Lets the client read its answer although it may still be sending."""
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(1)
            deadline = time.monotonic() + MAX_DROPPING_S
            dropped, buffer = 0, bytearray(256 << 10)
            while time.monotonic() < deadline and dropped < MAX_DROPPED_BYTES:
                count = self.connection.recv_into(buffer)
                if not count:
                    return
                dropped += count
        except OSError:
            return

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        log.debug("http: " + format, *args)


def _shut(client: socket.socket) -> None:
    try:
        client.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
