"""The agent's life: ingest while there is something, sample, answer, leave when idle."""

from __future__ import annotations

import logging
import os
import signal
import time
from pathlib import Path
from types import FrameType

import duckdb

from latprobe.agent.address import remove_address, write_address
from latprobe.agent.inlets import Inlets
from latprobe.agent.outlets import Outlets
from latprobe.agent.pace import Pace
from latprobe.agent.sampling import Sampling
from latprobe.agent.socket_server import SocketServer
from latprobe.agent.token_thread import TokenThread
from latprobe.errors import LatprobeError, StoreError
from latprobe.store.folder_lock import AGENT, FolderLock
from latprobe.store.owner import StoreOwner
from latprobe.version import VERSION
from latprobe_collectors.otlp.listening import Listening

log = logging.getLogger("latprobe.agent")

FIRST_RETRY_S = 1.0
LAST_RETRY_S = 30.0
# Retention: 30 days and 10 GB, looked at by an agent that lives this long.
PRUNE_EVERY_S = 3600.0
COMPACT_AFTER_S = 5.0
LAST_COUNT_S = 5.0
# A kernel trace whose request was late is looked for again so often.
TRACE_AGAIN_S = 5.0


class AgentProcess:
    """One agent. `run` returns when it was asked to stop, or nobody needed it for `idle_s`."""

    def __init__(
        self, home: Path, lock: FolderLock, *, idle_s: float, listening: Listening | None = None
    ) -> None:
        self._home = home
        self._lock = lock
        self._idle_s = idle_s
        self._owner = StoreOwner(home, lock=lock)
        self._inlets = Inlets(self._owner, listening)
        self._outlets = Outlets(self._owner, listening)
        self._pace = Pace(is_followed=self._outlets.is_open)
        self._server = SocketServer(
            self._owner, stop=self._pace.end, asked=self._asked, version=VERSION
        )
        self._sampling = Sampling(self._owner)
        self._tokens = TokenThread(self._owner)
        self._retry_s = FIRST_RETRY_S
        self._is_compacted = True
        self._pruned_s = time.monotonic()
        self._traced = -1
        self._trace_again_s = 0.0

    def run(self) -> None:
        """Works until there is a reason to leave, then puts everything in order."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        write_address(self._home, self._server.address)
        self._server.start()
        log.info("agent %d owns %s", os.getpid(), self._home)
        try:
            self._sampling.start()
            self._inlets.start()
            self._owner.is_receiving = self._inlets.is_listening
            self._tokens.start()
            self._outlets.start()
            self._loop()
            while self._is_needed_after_all():
                self._loop()
        finally:
            self._leave()

    def _loop(self) -> None:
        last_needed_s = time.monotonic()
        while not self._pace.is_over:
            count = self._ingest()
            self._sampling.see()
            now = time.monotonic()
            if count or self._server.connections or self._owner.has_writers():
                last_needed_s = now
            if self._inlets.is_listening or self._outlets.need_time() or self._tokens.is_busy:
                last_needed_s = now
            if now - last_needed_s >= self._idle_s or not self._lock.is_ours():
                return
            self._use_quiet_time(now - last_needed_s)
            if count is None:
                self._pace.retry(self._retry_s)
            else:
                self._pace.rest(count)

    def _is_needed_after_all(self) -> bool:
        """Whether a writer came while this agent was deciding to leave.

        A program that starts now no longer counts on this agent and starts another one, which
        waits for the lock; one that started just before is found by this last look.
        """
        if self._pace.is_over or not self._lock.is_ours():
            return False
        self._lock.mark(b"")
        self._ingest()
        if not self._owner.has_writers() and not self._server.connections:
            return False
        self._lock.mark(AGENT)
        return True

    def _ingest(self) -> int | None:
        """Spans taken in, None when the database could not take them."""
        try:
            count = self._owner.ingest_journal()
            self._owner.roll_up_if_due()
        except (StoreError, duckdb.Error) as error:
            self._owner.note_failure(str(error))
            self._retry_s = min(self._retry_s * 2, LAST_RETRY_S)
            self._owner.reopen_if_broken()
            return None
        if self._retry_s != FIRST_RETRY_S:
            log.info("the journal is being taken in again")
            self._retry_s = FIRST_RETRY_S
        if count:
            self._is_compacted = False
        return count

    def _use_quiet_time(self, quiet_s: float) -> None:
        if time.monotonic() - self._pruned_s >= PRUNE_EVERY_S:
            self._pruned_s = time.monotonic()
            self._prune()
        self._read_kernel_trace()
        if quiet_s >= COMPACT_AFTER_S and not self._is_compacted:
            self._is_compacted = True
            self._owner.compact()

    def _read_kernel_trace(self) -> None:
        """One, where one may wait: a trace is told of with spans, and asking takes a query."""
        now, ingested = time.monotonic(), self._owner.ingested
        if ingested == self._traced and now < self._trace_again_s:
            return
        self._traced, self._trace_again_s = ingested, now + TRACE_AGAIN_S
        try:
            if self._owner.read_kernel_trace():
                self._trace_again_s = now  # there may be another one
        except (StoreError, duckdb.Error) as error:
            self._owner.note_failure(f"A kernel trace cannot be stored: {error}")

    def _prune(self) -> None:
        try:
            self._owner.prune()
        except (StoreError, duckdb.Error) as error:
            self._owner.note_failure(f"Old data cannot be removed: {error}")

    def _asked(self) -> None:
        """Before an answer about what is stored."""
        if self._pace.asked():
            self._sampling.hand_over()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._pace.end()

    def _leave(self) -> None:
        self._pace.end()
        self._inlets.stop()
        self._outlets.stop()
        self._sampling.stop()
        self._tokens.stop()
        self._count_last()
        if self._lock.is_ours():
            remove_address(self._home)
        self._server.close()
        self._owner.close()
        log.info("agent %d has left", os.getpid())

    def _count_last(self) -> None:
        """Counts what nobody will add to any more; the rest is the next agent's."""
        self._owner.is_receiving = False
        try:
            self._owner.count_tokens(deadline_s=time.monotonic() + LAST_COUNT_S)
        except (LatprobeError, duckdb.Error) as error:
            log.warning("%s", error)
