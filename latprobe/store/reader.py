"""How everybody reads the store: through the agent if one lives, else by owning it for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from latprobe.agent.client import AgentClient, AgentGoneError, connect
from latprobe.config import load_settings
from latprobe.errors import NoDataError, StoreError
from latprobe.store.folder_lock import StoreBusyError
from latprobe.store.retention import DEFAULT_DAYS, DEFAULT_MAX_BYTES, Pruned

if TYPE_CHECKING:
    import pyarrow

    from latprobe.store.owner import StoreOwner
    from latprobe.store.parquet import ImportedRows
    from latprobe.store.status import StoreStatus

AGENT_START_S = 15.0
OWNER_INGEST_EVERY_S = 0.5
FIRST_FLUSH_S = 10.0


class Backend(Protocol):
    """A living agent, or this process as the owner."""

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pyarrow.Table: ...
    def flush(self, timeout_s: float) -> bool: ...
    def status(self) -> StoreStatus: ...
    def data_version(self) -> int: ...
    def prune(self, *, days: float, max_bytes: int) -> Pruned: ...
    def import_folder(self, folder: Path) -> ImportedRows: ...
    def close(self) -> None: ...


class Reader:
    """An open store. Thread-safe. When the agent died it is replaced once a call."""

    def __init__(self, home: Path, *, start_agent: bool) -> None:
        self.home = home
        self._start_agent = start_agent
        self._lock = threading.Lock()
        self._backend = _open_backend(home, start_agent=start_agent)

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pyarrow.Table:
        """The rows of one reading statement. Raises UsageError for SQL that is wrong or writes."""
        try:
            return self._backend.query(sql, parameters)
        except AgentGoneError:
            return self._reopened().query(sql, parameters)

    def flush(self, timeout_s: float = 10.0) -> bool:
        """True once everything that is in the journal now can be queried."""
        try:
            return self._backend.flush(timeout_s)
        except AgentGoneError:
            return self._reopened().flush(timeout_s)

    def status(self) -> StoreStatus:
        """How the store is doing."""
        try:
            return self._backend.status()
        except AgentGoneError:
            return self._reopened().status()

    def data_version(self) -> int:
        """A number that changes when rows were added."""
        try:
            return self._backend.data_version()
        except AgentGoneError:
            return self._reopened().data_version()

    def prune(self, *, days: float = DEFAULT_DAYS, max_bytes: int = DEFAULT_MAX_BYTES) -> Pruned:
        """Removes rows older than `days`, then the oldest beyond `max_bytes`."""
        try:
            return self._backend.prune(days=days, max_bytes=max_bytes)
        except AgentGoneError:
            return self._reopened().prune(days=days, max_bytes=max_bytes)

    def import_folder(self, folder: Path) -> ImportedRows:
        """Adds a folder of latprobe's own Parquet, what is here already left out."""
        folder = folder.absolute()
        try:
            return self._backend.import_folder(folder)
        except AgentGoneError:
            return self._reopened().import_folder(folder)

    def close(self) -> None:
        """Lets the agent, or the store, go."""
        self._backend.close()

    def _reopened(self) -> Backend:
        failed = self._backend
        with self._lock:
            if self._backend is failed:
                failed.close()
                self._backend = _open_backend(self.home, start_agent=self._start_agent)
            return self._backend


class OwnerBackend:
    """This process owns the store, and takes in the journal whenever it is asked something."""

    def __init__(self, owner: StoreOwner) -> None:
        self._owner = owner
        self._ingested_at_s = 0.0
        self._lock = threading.Lock()
        self._refresh()

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pyarrow.Table:
        self._refresh()
        return self._owner.query(sql, parameters)

    def flush(self, timeout_s: float) -> bool:
        return self._owner.flush(timeout_s)

    def status(self) -> StoreStatus:
        return self._owner.status()

    def data_version(self) -> int:
        self._refresh()
        return self._owner.data_version()

    def prune(self, *, days: float, max_bytes: int) -> Pruned:
        return self._owner.prune(days=days, max_bytes=max_bytes)

    def import_folder(self, folder: Path) -> ImportedRows:
        return self._owner.import_folder(folder)

    def close(self) -> None:
        self._owner.close()

    def _refresh(self) -> None:
        with self._lock:
            if time.monotonic() - self._ingested_at_s < OWNER_INGEST_EVERY_S:
                return
            try:
                self._owner.ingest_pending()
            except StoreError as error:  # a full disk: what is stored can still be read
                self._owner.note_failure(str(error))
            self._owner.roll_up_if_due()
            self._ingested_at_s = time.monotonic()


def open_reader(home: Path, *, start_agent: bool = True) -> Reader:
    """The store in `home`, with all that was recorded so far.

    Raises NoDataError when there is none, StoreError when it cannot be opened.
    """
    home = Path(home).expanduser().absolute()
    if home.exists() and not home.is_dir():
        raise StoreError(
            f"{home} is a file, not the folder of a store. Give the folder, or leave --home away."
        )
    if not _has_store(home):
        raise NoDataError(
            f"There is no store in {home} yet. Record something first: "
            "`latprobe run -- python app.py`."
        )
    return Reader(home, start_agent=start_agent)


def _has_store(home: Path) -> bool:
    return any((home / name).exists() for name in ("latprobe.duckdb", "journal", "agent.lock"))


def _open_backend(home: Path, *, start_agent: bool) -> Backend:
    client = connect(home)
    if client is not None:
        return client
    if start_agent and load_settings(home=home).agent:
        client = _start_agent(home)
        if client is not None:
            return client
    return _become_owner(home)


def _start_agent(home: Path) -> AgentClient | None:
    from latprobe.agent.launch import ensure_agent

    if not ensure_agent(home, wait=True):
        return None
    client = connect(home)
    if client is not None:
        client.flush(FIRST_FLUSH_S)
    return client


def _become_owner(home: Path) -> Backend:
    """Owns the store; while another process is about to (an agent starting up), waits for it."""
    deadline = time.monotonic() + AGENT_START_S
    while True:
        try:
            return OwnerBackend(_own(home))
        except StoreBusyError:
            client = connect(home)
            if client is not None:
                return client
            if time.monotonic() > deadline:
                raise
            threading.Event().wait(0.05)


def _own(home: Path) -> StoreOwner:
    """The store with all that was accepted for it. Raises StoreBusyError."""
    from latprobe.agent.inlets import take_leftovers
    from latprobe.store.owner import StoreOwner

    owner = StoreOwner(home)
    take_leftovers(owner)
    return owner
