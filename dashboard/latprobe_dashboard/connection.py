"""The one connection of this process to its store: opened when first asked, shared by all threads.

Every function that asks the store may raise LatprobeError.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import psutil
import pyarrow as pa

from latprobe.clock import monotonic_ns
from latprobe.errors import StoreError
from latprobe.store.reader import Reader, open_reader

# Pages show what was stored so long ago, or less.
VERSION_NS = 500_000_000

T = TypeVar("T")
Opener = Callable[[Path], Reader]


@dataclass
class _Connection:
    """The reader of this process's store, opened when first asked for."""

    home: Path | None = None
    opener: Opener = open_reader
    opened: Reader | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)
    agent_pid: int | None = None
    agent_changes: int = 0
    seen: tuple[int, int] | None = None  # when the data version was looked up, and what it was
    asking_ns: int = 0  # how long all questions took together


_connection = _Connection()


def point_at(home: Path, *, opener: Opener) -> None:
    """Lets the store in use go, and makes another one that of this process."""
    let_go()
    with _connection.lock:
        _connection.home, _connection.opener = home, opener
        _connection.agent_pid, _connection.agent_changes = None, 0


def home() -> Path:
    """The folder of the store in use."""
    if _connection.home is None:
        from latprobe.config import load_settings

        _connection.home = load_settings().home
    return _connection.home


def reader() -> Reader:
    """The open reader. Raises NoDataError when there is no store yet, StoreError when it is ill."""
    with _connection.lock:
        if _connection.opened is None:
            _connection.opened = _connection.opener(home())
        return _connection.opened


def let_go() -> None:
    """Closes the reader; the next question opens it again."""
    with _connection.lock:
        opened, _connection.opened = _connection.opened, None
        _connection.seen = None
    if opened is not None:
        opened.close()


def query(sql: str, parameters: Sequence[object] = ()) -> pa.Table:
    """One read-only statement's rows."""
    started = monotonic_ns()
    try:
        return ask(lambda opened: opened.query(sql, parameters))
    finally:
        with _connection.lock:
            _connection.asking_ns += monotonic_ns() - started


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of CPU of this process so far, of the agent's (None: not known), and how long the
    store has worked on this process's statements, those side by side added up."""

    own_s: float
    agent_s: float | None
    asking_s: float

    def since(self, before: Spent) -> float:
        """What was spent for this process since then.

        The agent's time is what its answers took, at most all the CPU that it used: on a busy
        machine most of an answer is waiting, and some of its CPU went into taking spans in.
        """
        asked_s = self.asking_s - before.asking_s
        if self.agent_s is not None and before.agent_s is not None:
            asked_s = min(asked_s, max(self.agent_s - before.agent_s, 0.0))
        return self.own_s - before.own_s + asked_s


def spent() -> Spent:
    """What was spent so far."""
    return Spent(time.process_time(), _agent_cpu_s(), _connection.asking_ns / 1e9)


def _agent_cpu_s() -> float | None:
    try:
        used = psutil.Process(_agent_pid()).cpu_times()
    except (psutil.Error, OSError, ValueError, KeyError, TypeError):
        return None
    return float(used.user + used.system)


def _agent_pid() -> int:
    """As the agent wrote it. Raises OSError, ValueError, KeyError or TypeError where it did not."""
    return int(json.loads((home() / "agent.json").read_text("utf-8"))["pid"])


def ask(question: Callable[[Reader], T]) -> T:
    """The answer, with one new reader when the old one lost its agent for good."""
    try:
        return question(reader())
    except StoreError:
        let_go()
        return question(reader())


def is_open() -> bool:
    """Whether the reader is open: nobody waits any more for a store that was let go."""
    return _connection.opened is not None


def version() -> int:
    """Changes whenever rows were added; looked up once a moment, so that a page agrees."""
    with _connection.lock:
        seen = _connection.seen
        if seen is not None and monotonic_ns() - seen[0] < VERSION_NS:
            return seen[1]
    found = ask(lambda opened: opened.data_version())
    with _connection.lock:
        _connection.seen = (monotonic_ns(), found)
    return found


def drawn_version() -> int:
    """The version that was looked up last, without a look."""
    with _connection.lock:
        return 0 if _connection.seen is None else _connection.seen[1]


def agent_restarts() -> int:
    """How often the agent was replaced while this dashboard ran."""
    try:
        pid = _agent_pid()
    except (OSError, ValueError, KeyError, TypeError):
        return _connection.agent_changes
    with _connection.lock:
        if _connection.agent_pid not in (None, pid):
            _connection.agent_changes += 1
        _connection.agent_pid = pid
        return _connection.agent_changes
