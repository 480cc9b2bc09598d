"""The agent's socket: a thread a connection, requests answered from the store."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from latprobe.agent.address import Address, make_private, socket_path
from latprobe.agent.running_queries import RunningQueries
from latprobe.agent.wire import ConnectionLostError, receive_json, send_json
from latprobe.errors import LatprobeError, StoreError, UsageError
from latprobe.store.owner import StoreOwner

log = logging.getLogger("latprobe.agent")

Answer = tuple[dict[str, Any], Any]

BACKLOG = 64
# Requests whose answer is about what is stored.
READING = ("query", "version", "status")


class SocketServer:
    """Answers from `start` to `close`. `stop` is called when a client asks the agent to leave,
    `asked` before each answer about what is stored: it may take in what is new first.

    Its address is known before anybody can connect to it, so that it can be written first: who
    gets an answer reads the address of the one that answers, never that of a dead agent before.
    """

    def __init__(
        self,
        owner: StoreOwner,
        *,
        stop: Callable[[], None],
        version: str,
        asked: Callable[[], None] = lambda: None,
    ) -> None:
        self._owner = owner
        self._stop = stop
        self._asked = asked
        self._queries = RunningQueries()
        self._clients: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._is_closing = False
        self._listener, where, token = bind(owner.home)
        self.address = Address(os.getpid(), where, version, time.time_ns(), token)
        self._handlers: dict[str, Callable[[socket.socket, dict[str, Any]], Answer]] = {
            "query": self._query,
            "flush": self._flush,
            "status": self._status,
            "version": self._version,
            "import": self._import,
            "prune": self._prune,
            "stop": self._leave,
        }

    def start(self) -> None:
        """Lets clients in."""
        self._listener.listen(BACKLOG)
        threading.Thread(target=self._accept, name="latprobe-accept", daemon=True).start()

    @property
    def connections(self) -> int:
        """Clients connected now."""
        with self._lock:
            return len(self._clients)

    @property
    def running_queries(self) -> int:
        """Queries that are being answered now."""
        return self._queries.count

    def close(self) -> None:
        """Ends running queries and closes all connections."""
        self._is_closing = True
        _shut(self._listener)
        self._queries.close()
        with self._lock:
            clients = list(self._clients)
        for client in clients:
            _shut(client)
        if self.address.token is None:
            Path(self.address.socket).unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError as error:
                if self._is_closing:
                    return
                log.warning("no new client can be accepted: %s", error.strerror)
                threading.Event().wait(0.5)  # too many open files: some will be closed
                continue
            with self._lock:
                self._clients.add(client)
            threading.Thread(
                target=self._serve, args=(client,), name="latprobe-client", daemon=True
            ).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            if self.address.token is not None:
                self._check_token(client)
            while True:
                self._answer(client, receive_json(client))
        except (ConnectionLostError, OSError):
            pass  # the client left
        except (ValueError, PermissionError) as error:
            log.warning("a client was cut off: %s", error)
        finally:
            with self._lock:
                self._clients.discard(client)
            client.close()

    def _check_token(self, client: socket.socket) -> None:
        shown = str(receive_json(client).get("token"))
        if not secrets.compare_digest(shown, str(self.address.token)):
            raise PermissionError("it showed a wrong token")

    def _answer(self, client: socket.socket, request: dict[str, Any]) -> None:
        try:
            op = str(request.get("op"))
            handler = self._handlers.get(op)
            if handler is None:
                raise UsageError(f"The agent knows no request {request.get('op')!r}. Restart it.")
            if op in READING:
                self._asked()
            header, body = handler(client, request)
        except LatprobeError as error:
            name = next(c.__name__ for c in type(error).__mro__ if c.__module__.endswith(".errors"))
            header, body = {"ok": False, "error": name, "message": str(error)}, b""
        except Exception as error:  # thread top: a fault of ours is an answer, not a hang-up
            log.exception("a request failed")
            text = f"The agent failed: {type(error).__name__}: {error}. See agent.log."
            header, body = {"ok": False, "error": "StoreError", "message": text}, b""
        send_json(client, {"ok": True, **header, "bytes": len(body)}, body)

    def _query(self, client: socket.socket, request: dict[str, Any]) -> Answer:
        table = self._owner.query(
            str(request.get("sql", "")),
            request.get("parameters") or (),
            on_start=lambda cursor: self._queries.add(client, cursor),
            on_end=lambda _: self._queries.remove(client),
        )
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        return {}, memoryview(sink.getvalue())

    def _flush(self, client: socket.socket, request: dict[str, Any]) -> Answer:
        return {"done": self._owner.flush(float(request.get("timeout_s", 10.0)))}, b""

    def _status(self, client: socket.socket, request: dict[str, Any]) -> Answer:
        status = self._owner.status(
            agent_pid=self.address.pid, agent_started_ns=self.address.started_ns
        )
        return {"status": {**asdict(status), "home": str(status.home)}}, b""

    def _version(self, client: socket.socket, request: dict[str, Any]) -> Answer:
        return {"data_version": self._owner.data_version()}, b""

    def _import(self, client: socket.socket, request: dict[str, Any]) -> Answer:
        return {"imported": asdict(self._owner.import_folder(Path(str(request["folder"]))))}, b""

    def _prune(self, client: socket.socket, request: dict[str, Any]) -> Answer:
        pruned = self._owner.prune(days=float(request["days"]), max_bytes=int(request["max_bytes"]))
        return {"pruned": asdict(pruned)}, b""

    def _leave(self, client: socket.socket, request: dict[str, Any]) -> Answer:
        self._stop()
        return {}, b""


def bind(home: Path) -> tuple[socket.socket, str, str | None]:
    """A socket that does not listen yet, where it is, and the token that clients must show (None:
    the file's mode protects it). The caller owns the store, so an old socket file is a dead
    agent's."""
    if not hasattr(socket, "AF_UNIX"):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.bind(("127.0.0.1", 0))
        return listener, f"127.0.0.1:{listener.getsockname()[1]}", secrets.token_hex(16)
    path = socket_path(home)
    try:
        if path.parent != home:
            make_private(path.parent)
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(mask)
    except OSError as error:
        raise StoreError(
            f"The agent cannot listen on {path}: {error.strerror or error}. "
            "Set LATPROBE_HOME to another folder."
        ) from error
    return listener, str(path), None


def _shut(peer: socket.socket) -> None:
    with contextlib.suppress(OSError):
        peer.shutdown(socket.SHUT_RDWR)
    peer.close()
