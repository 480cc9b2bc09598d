"""A small OpenAI-compatible server in front of the SIMULATED model, standard library only.

The HTTP and the streaming are real, the model is not: see `simulated_model/`. Every response
carries `x-simulated: true`. Prints its base URL once it listens.

    python llm_server.py --port 8000
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from simulated_model import wire
from simulated_model.chat_request import ChatRequest
from simulated_model.faults import Fault
from simulated_model.model import (
    DEFAULT_DECODE_SLOTS,
    MODEL_NAME,
    Generation,
    SimulatedModel,
    real_time_model,
)

_RETRY_AFTER_MS = "100"
"""Well below the client's own first wait of half a second, so that the demo goes on."""


class LlmServer(ThreadingHTTPServer):
    """Serves one model on a port of 127.0.0.1; 0 takes any free port."""

    daemon_threads = True

    def __init__(self, model: SimulatedModel, *, port: int = 0) -> None:
        """Binds and listens; `serve_forever` answers."""
        super().__init__(("127.0.0.1", port), _Handler)
        self.model = model

    @property
    def base_url(self) -> str:
        """What an OpenAI client takes as its base URL."""
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Prints what went wrong, unless the client merely hung up."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: LlmServer

    def do_GET(self) -> None:
        if self.path == "/healthz":
            self._send_json(200, {"status": "ok", "simulated": True})
        elif self.path == "/v1/models":
            self._send_json(200, wire.models())
        else:
            self._send_not_found()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path != "/v1/chat/completions":
            self._send_not_found()
            return
        try:
            request = ChatRequest.from_json(body)
        except ValueError as error:
            self._send_json(400, wire.error(str(error), kind="invalid_request_error"))
            return
        if request.model != MODEL_NAME:
            message = f"There is no model {request.model!r} here, only {MODEL_NAME!r}."
            self._send_json(404, wire.error(message, kind="invalid_request_error"))
            return
        fault = self.server.model.next_fault()
        if fault and fault.status:
            self._send_fault(fault, status=fault.status)
        else:
            self._complete(request, queue_s=fault.queue_s if fault else 0.0)

    def log_message(self, *_: object) -> None:
        """Nothing: a line for each request would drown the example's own output."""

    def _complete(self, request: ChatRequest, *, queue_s: float) -> None:
        generation = self.server.model.generation(request, queue_s=queue_s)
        if request.is_stream:
            self._send_events(generation, has_usage=request.has_usage)
        else:
            text = "".join(self.server.model.spoken(generation))
            self._send_json(200, wire.completion(generation, text=text))

    def _send_events(self, generation: Generation, *, has_usage: bool) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self._end_headers()
        for event in self._events(generation, has_usage=has_usage):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
        self.wfile.write(b"0\r\n\r\n")

    def _events(self, generation: Generation, *, has_usage: bool) -> Iterator[bytes]:
        role = {"role": "assistant", "content": ""}
        for number, piece in enumerate(self.server.model.spoken(generation)):
            if number == 0:
                yield wire.sse(wire.chunk(generation, delta=role))
            yield wire.sse(wire.chunk(generation, delta={"content": piece}))
        yield wire.sse(wire.chunk(generation, delta={}, finish_reason=generation.finish_reason))
        if has_usage:
            yield wire.sse(wire.usage_chunk(generation))
        yield wire.SSE_DONE

    def _send_fault(self, fault: Fault, *, status: int) -> None:
        body = wire.error(fault.message, kind=fault.kind)
        self._send_json(status, body, headers={"retry-after-ms": _RETRY_AFTER_MS})

    def _send_not_found(self) -> None:
        message = f"There is no {self.command} {self.path} here."
        self._send_json(404, wire.error(message, kind="invalid_request_error"))

    def _send_json(
        self, status: int, body: wire.Json, *, headers: dict[str, str] | None = None
    ) -> None:
        payload = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(payload)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self._end_headers()
        self.wfile.write(payload)

    def _end_headers(self) -> None:
        self.send_header("x-simulated", "true")
        self.end_headers()


def _stop_with_stdin(server: LlmServer) -> None:
    """Ends the server once its parent is gone, even one that was killed."""
    sys.stdin.buffer.read()
    server.shutdown()


def main() -> None:
    """Serves until interrupted."""
    parser = argparse.ArgumentParser(description="OpenAI-compatible server of a SIMULATED model")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fault-share", type=float, default=0.02, metavar="SHARE")
    parser.add_argument("--decode-slots", type=int, default=DEFAULT_DECODE_SLOTS, metavar="N")
    parser.add_argument("--until-stdin-closes", action="store_true")
    options = parser.parse_args()
    model = real_time_model(
        seed=options.seed, fault_share=options.fault_share, decode_slots=options.decode_slots
    )
    server = LlmServer(model, port=options.port)
    print(server.base_url, flush=True)
    if options.until_stdin_closes:
        threading.Thread(target=_stop_with_stdin, args=(server,), daemon=True).start()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()


if __name__ == "__main__":
    main()
