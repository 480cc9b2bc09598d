"""Work of seconds steps back while pages are drawn: both need the same interpreter.

Between two of its questions to the store such work waits until no page is being drawn, at most
MOST_S each time. A page that itself waits for an answer is not being drawn.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence

import pyarrow as pa

from latprobe_dashboard import connection

MOST_S = 1.0


class Calm:
    """How many pages are being drawn. Thread-safe."""

    def __init__(self) -> None:
        self._drawn = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def drawing(self) -> Iterator[None]:
        """A page is drawn within."""
        self._add(1)
        try:
            yield
        finally:
            self._add(-1)

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """What is drawn waits within."""
        self._add(-1)
        try:
            yield
        finally:
            self._add(1)

    def wait(self, most_s: float = MOST_S) -> bool:
        """Returns when no page is being drawn, or after so many seconds; whether it was so."""
        with self._changed:
            return self._changed.wait_for(lambda: self._drawn <= 0, most_s)

    def _add(self, more: int) -> None:
        with self._changed:
            self._drawn += more
            self._changed.notify_all()


pages = Calm()


def query(sql: str, parameters: Sequence[object] = ()) -> pa.Table:
    """One read-only statement's rows, asked when no page is being drawn."""
    pages.wait()
    return connection.query(sql, parameters)
