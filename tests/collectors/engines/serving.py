"""Pages of engines, and a local server that hands them out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGES = Path(__file__).parent / "pages"


def pages(engine: str) -> tuple[str, str]:
    """A page, and the one five seconds later."""
    before, _, after = (PAGES / f"{engine}.txt").read_text().partition("=== five seconds later\n")
    return before, after


class Server:
    """What it answers is `page`, or `status` with nothing; it is slow while `is_slow`."""

    def __init__(self) -> None:
        self.page = ""
        self.status = 200
        self.release = threading.Event()
        self.is_slow = False
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/metrics"


@contextmanager
def serving() -> Iterator[Server]:
    """A server on a free port of 127.0.0.1."""
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if server.is_slow:
                server.release.wait(10)
            body = server.page.encode()
            self.send_response(server.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.port = http.server_address[1]
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        http.shutdown()
        http.server_close()
