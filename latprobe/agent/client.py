"""The asking side of the agent's socket."""

from __future__ import annotations

import socket
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latprobe import errors
from latprobe.agent.address import Address, read_address
from latprobe.agent.wire import receive_bytes, receive_json, send_json
from latprobe.errors import LatprobeError, StoreError, UsageError

if TYPE_CHECKING:
    import pyarrow

    from latprobe.store.parquet import ImportedRows
    from latprobe.store.retention import Pruned
    from latprobe.store.status import StoreStatus

CONNECT_TIMEOUT_S = 2.0
ANSWER_TIMEOUT_S = 300.0


class AgentGoneError(StoreError):
    """The agent died or left; another one can be started."""


class AgentClient:
    """Requests to one agent; each thread that asks gets a connection of its own."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._idle: list[socket.socket] = []
        self._lock = threading.Lock()
        self._is_closed = False

    def __enter__(self) -> AgentClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pyarrow.Table:
        """The rows of one reading statement."""
        import pyarrow as pa

        request = {"op": "query", "sql": sql, "parameters": [_plain(value) for value in parameters]}
        _, body = self.ask(request)
        with pa.ipc.open_stream(pa.py_buffer(body)) as stream:
            return stream.read_all()

    def flush(self, timeout_s: float) -> bool:
        """True once all that is in the journal now is in the store."""
        answer, _ = self.ask({"op": "flush", "timeout_s": timeout_s}, timeout_s=timeout_s + 5)
        return bool(answer["done"])

    def status(self) -> StoreStatus:
        """How the store is doing."""
        from latprobe.store.status import StoreStatus

        values = self.ask({"op": "status"})[0]["status"]
        return StoreStatus(
            **{**values, "home": Path(values["home"]), "notes": tuple(values["notes"])}
        )

    def data_version(self) -> int:
        """A number that changes when rows were added."""
        return int(self.ask({"op": "version"})[0]["data_version"])

    def prune(self, *, days: float, max_bytes: int) -> Pruned:
        """Removes old rows."""
        from latprobe.store.retention import Pruned

        answer, _ = self.ask({"op": "prune", "days": days, "max_bytes": max_bytes})
        return Pruned(**answer["pruned"])

    def import_folder(self, folder: Path) -> ImportedRows:
        """Adds a folder of latprobe's own Parquet."""
        from latprobe.store.parquet import ImportedRows

        answer, _ = self.ask({"op": "import", "folder": str(folder)})
        return ImportedRows(**answer["imported"])

    def stop(self) -> None:
        """Asks the agent to finish what it is doing and leave."""
        self.ask({"op": "stop"})

    def ask(
        self, request: dict[str, Any], *, timeout_s: float = ANSWER_TIMEOUT_S
    ) -> tuple[dict[str, Any], bytearray]:
        """The answer's header and body. Raises what the agent raised, or AgentGoneError."""
        peer = self._take()
        try:
            peer.settimeout(timeout_s)
            send_json(peer, request)
            answer = receive_json(peer)
            body = receive_bytes(peer, int(answer.get("bytes", 0)))
        except TimeoutError as error:
            peer.close()
            raise StoreError(
                f"The agent (process {self.address.pid}) did not answer within {timeout_s:.0f} s. "
                f"Ask for less, or stop it: kill {self.address.pid}."
            ) from error
        except (OSError, ValueError) as error:
            peer.close()
            raise AgentGoneError(
                f"The agent (process {self.address.pid}) went away. Try again."
            ) from error
        except BaseException:  # interrupted by the user: the agent sees the end and stops the query
            peer.close()
            raise
        self._give_back(peer)
        if not answer.get("ok"):
            raise _as_raised(answer)
        return answer, body

    def close(self) -> None:
        """Closes all connections."""
        with self._lock:
            self._is_closed = True
            peers, self._idle = self._idle, []
        for peer in peers:
            peer.close()

    def _take(self) -> socket.socket:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        try:
            return open_socket(self.address)
        except OSError as error:
            raise AgentGoneError(
                f"The agent (process {self.address.pid}) went away. Try again."
            ) from error

    def _give_back(self, peer: socket.socket) -> None:
        with self._lock:
            if not self._is_closed:
                self._idle.append(peer)
                return
        peer.close()


def connect(home: Path) -> AgentClient | None:
    """A client of the living agent of `home`; None when there is none."""
    address = read_address(home)
    if address is None:
        return None
    client = AgentClient(address)
    try:
        client.ask({"op": "version"}, timeout_s=10.0)
    except StoreError:
        client.close()
        return None
    return client


def open_socket(address: Address) -> socket.socket:
    """A connection to the agent. Raises OSError."""
    if address.token is None:
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        target: Any = address.socket
    else:
        peer = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        host, _, port = address.socket.rpartition(":")
        target = (host, int(port))
    peer.settimeout(CONNECT_TIMEOUT_S)
    try:
        peer.connect(target)
        if address.token is not None:
            send_json(peer, {"token": address.token})
    except OSError:
        peer.close()
        raise
    return peer


def _as_raised(answer: dict[str, Any]) -> LatprobeError:
    kind = getattr(errors, str(answer.get("error")), StoreError)
    if not (isinstance(kind, type) and issubclass(kind, LatprobeError)):
        kind = StoreError
    return kind(str(answer.get("message")))


def _plain(value: object) -> object:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (uuid.UUID, Path)):
        return str(value)
    raise UsageError(f"{type(value).__name__} cannot be a query's parameter. Use a number or text.")
