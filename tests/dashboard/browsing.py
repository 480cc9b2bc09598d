"""A dashboard in a process of its own, and the browser to look at it with."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.waiting import wait_until

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
START_S = 90.0

_SERVE = """
import json, sys
from pathlib import Path
from latprobe_dashboard.server import serve
serve(Path(sys.argv[1]), port=int(sys.argv[2]) or None, open_browser=False,
      **json.loads(sys.argv[3]), on_ready=lambda url: print(url, flush=True))
print("stopped", flush=True)
"""


class Served:
    """The server's process, what it printed, and how it ended."""

    def __init__(
        self,
        home: Path,
        *,
        port: int = 0,
        environment: Mapping[str, str] | None = None,
        more: Mapping[str, object] | None = None,
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _SERVE, str(home), str(port), json.dumps(more or {})],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        self.lines: queue.Queue[str] = queue.Queue()
        self.errors: list[str] = []
        self._url: str | None = None
        self._readers = [
            threading.Thread(target=self._read_lines, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def url(self) -> str:
        """The address, once the server is ready."""
        if self._url is None:
            wait_until(self._has_said, timeout_s=START_S)
            if self.lines.empty():
                raise AssertionError("it did not start:\n" + "".join(self.errors))
            self._url = self.lines.get().rstrip("/")
        return self._url

    def _has_said(self) -> bool:
        return not self.lines.empty() or self.process.poll() is not None

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Its exit status after the signal."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            status = self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        for reader in self._readers:
            reader.join(timeout=5)
        return status

    def _read_lines(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.strip())

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self.errors.extend(self.process.stderr)


@contextmanager
def running_dashboard(home: Path, *, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """The address of a dashboard over this store, stopped afterwards."""
    served = Served(home, environment=environment)
    try:
        yield served.url()
    finally:
        served.stop()
