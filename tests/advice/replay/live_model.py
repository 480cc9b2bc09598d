"""A small OpenAI-compatible server on 127.0.0.1 that answers as a test wants it to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """A response: a status, its headers and its body as it goes over the wire."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def completion(text: str, *, given: int | None = 50, made: int | None = None) -> Said:
    """A chat completion with this text; tokens None: without usage."""
    usage = {"prompt_tokens": given, "completion_tokens": len(text) if made is None else made}
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    body = {"choices": [choice], **({} if given is None else {"usage": usage})}
    return Said(body=json.dumps(body).encode())


def failing(status: int, **headers: str) -> Said:
    """An error, whose words quote what must never be shown."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Said(status, b'{"error": {"message": "Incorrect API key: sk-secret"}}', named)


class LiveModel(ThreadingHTTPServer):
    """`answer` is told the request's body; all bodies and headers are kept."""

    daemon_threads = True

    def __init__(self, answer: Callable[[Json], Said]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.bodies: list[Json] = []
        self.headers: list[Mapping[str, str]] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """What stands before /chat/completions."""
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LiveModel

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with self.server.lock:
            self.server.bodies.append({**body, "path": self.path})
            self.server.headers.append({k.lower(): v for k, v in self.headers.items()})
        said = self.server.answer(body)
        self.send_response(said.status)
        for name, value in {**said.headers, "content-length": str(len(said.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(said.body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def serving(answer: Callable[[Json], Said]) -> Iterator[LiveModel]:
    """The server, until the end of the block."""
    server = LiveModel(answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def last_text(body: Json) -> str:
    """The text of the last message of a request."""
    return str(body["messages"][-1]["content"])
