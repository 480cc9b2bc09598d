"""`/metrics` for Prometheus, on 127.0.0.1 only."""

from __future__ import annotations

import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from latprobe.errors import LatprobeError, StoreError
from latprobe.export.prometheus import CONTENT_TYPE, metrics_text
from latprobe.store.query import Query

log = logging.getLogger("latprobe.agent")

# Who serves a page of another site that fetches this one sends its own name as Host.
_HOSTS = ("127.0.0.1", "localhost", "[::1]")


class MetricsServer:
    """Answers GET /metrics until `stop`. Raises StoreError when the port is taken."""

    def __init__(self, query: Query, *, port: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                _answer(self, query)

            def log_message(self, *_: Any) -> None:
                pass

        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        except OSError as error:
            raise StoreError(
                f"Port {port} for /metrics is taken: {error.strerror}. "
                "Set LATPROBE_PROMETHEUS_PORT to another."
            ) from error
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="latprobe-metrics", daemon=True
        )

    def start(self) -> None:
        """Begins to answer."""
        self._thread.start()
        log.info("metrics on http://127.0.0.1:%d/metrics", self.port)

    def stop(self) -> None:
        """Ends the listening."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


def _answer(handler: BaseHTTPRequestHandler, query: Query) -> None:
    host = (handler.headers.get("host") or "").rsplit(":", 1)[0]
    if host not in _HOSTS:
        status, kind, body = 403, "text/plain", b"only for this machine\n"
    elif handler.path.partition("?")[0] != "/metrics":
        status, kind, body = 404, "text/plain", b"see /metrics\n"
    else:
        try:
            status, kind, body = 200, CONTENT_TYPE, metrics_text(query).encode()
        except LatprobeError as error:
            status, kind, body = 503, "text/plain", f"{error}\n".encode()
    handler.send_response(status)
    handler.send_header("content-type", kind)
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
