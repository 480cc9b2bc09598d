"""Ends queries whose client has gone."""

from __future__ import annotations

import select
import socket
import threading

import duckdb

POLL_S = 0.2


class RunningQueries:
    """Looks after the sockets of clients that wait for a query's answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[socket.socket, duckdb.DuckDBPyConnection] = {}
        self._wake = threading.Event()
        self._is_closed = False
        threading.Thread(target=self._watch, name="latprobe-watch", daemon=True).start()

    def add(self, client: socket.socket, cursor: duckdb.DuckDBPyConnection) -> None:
        """`client` waits for what `cursor` computes."""
        with self._lock:
            self._running[client] = cursor
        self._wake.set()

    def remove(self, client: socket.socket) -> None:
        """The query has ended."""
        with self._lock:
            self._running.pop(client, None)

    @property
    def count(self) -> int:
        """Queries that run now."""
        with self._lock:
            return len(self._running)

    def close(self) -> None:
        """Ends all queries."""
        self._is_closed = True
        with self._lock:
            for cursor in self._running.values():
                cursor.interrupt()
        self._wake.set()

    def _watch(self) -> None:
        pause = threading.Event()
        while not self._is_closed:
            self._wake.wait()
            with self._lock:
                self._interrupt_abandoned()
                if not self._running:
                    self._wake.clear()
            pause.wait(POLL_S)

    def _interrupt_abandoned(self) -> None:
        """Under the lock, so that a cursor is not closed while it is interrupted."""
        for client, cursor in self._running.items():
            if has_left(client):
                cursor.interrupt()


def has_left(client: socket.socket) -> bool:
    """Whether the other side closed the connection."""
    try:
        readable, _, _ = select.select([client], [], [], 0)
        return bool(readable) and client.recv(1, socket.MSG_PEEK) == b""
    except (OSError, ValueError):
        return True
