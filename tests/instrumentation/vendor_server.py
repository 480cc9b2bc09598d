"""A local server that speaks OpenAI's and Anthropic's wire formats, with known figures.

The model's name says what happens: `broken` answers 429, `long` streams until the client leaves,
any other name answers. What each request was, and when its first chunk left, is kept in `served`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.instrumentation import anthropic_wire, openai_wire

FIRST_CHUNK_S = 0.1
GAP_S = 0.02


@dataclass
class Served:
    """One answered request. Times on the monotonic clock, None where nothing was sent."""

    path: str
    model: str
    arrived_ns: int
    first_chunk_ns: int | None = None
    events: int = 0

    @property
    def ttft_ns(self) -> int:
        """From the request's arrival to the first chunk's leaving."""
        assert self.first_chunk_ns is not None
        return self.first_chunk_ns - self.arrived_ns


@dataclass
class Vendor:
    """The running server."""

    base_url: str
    served: list[Served] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)

    def of_model(self, model: str) -> Served:
        """The one request for that model."""
        (found,) = [one for one in self.served if one.model == model]
        return found


class _Handler(BaseHTTPRequestHandler):
    vendor: Vendor

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
        path = self.path.partition("?")[0]
        served = Served(path, str(body.get("model")), time.monotonic_ns())
        self.vendor.served.append(served)
        wire: Any = anthropic_wire if path.endswith("/messages") else openai_wire
        if served.model == "broken":
            self._answer(429, wire.ERROR)
        elif body.get("stream"):
            self._stream(wire.stream(path, body), served)
        else:
            self._answer(200, wire.answer(path, body))

    def do_GET(self) -> None:
        self._answer(200, {"path": self.path})

    def _answer(self, status: int, value: object) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, events: Iterator[bytes], served: Served) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        # An event that nobody sets: waiting for it is how time passes here.
        threading.Event().wait(FIRST_CHUNK_S)
        try:
            for event in events:
                self.wfile.write(event)
                self.wfile.flush()
                served.first_chunk_ns = served.first_chunk_ns or time.monotonic_ns()
                served.events += 1
                threading.Event().wait(GAP_S)
        except (BrokenPipeError, ConnectionResetError):
            self.vendor.gone.set()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # as its base has it
        """Says nothing."""


@contextmanager
def vendor() -> Iterator[Vendor]:
    """A server on a free port of the loopback interface."""

    class Handler(_Handler):
        pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Handler.vendor = Vendor(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield Handler.vendor
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
