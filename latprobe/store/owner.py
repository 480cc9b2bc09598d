"""The one process that has the DuckDB file open: ingests, answers, prunes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from latprobe.config import load_settings
from latprobe.errors import LatprobeError, StoreError
from latprobe.store import retention
from latprobe.store.database import OnCursor
from latprobe.store.folder_lock import FolderLock, prepare_folder
from latprobe.store.ingest import BATCH_ROWS, Ingester, Write
from latprobe.store.journal_folder import JournalFolder
from latprobe.store.kernel_profiles import KernelTraces
from latprobe.store.opening import first_line, open_database
from latprobe.store.parquet import ImportedRows, import_folder
from latprobe.store.retention import Pruned
from latprobe.store.rollup import compact, roll_up
from latprobe.store.status import CANNOT_TAKE_IN, StoreStatus, store_status
from latprobe.store.token_pass import TokenPass

log = logging.getLogger("latprobe.agent")

DATABASE_NAME = "latprobe.duckdb"
ROLL_UP_EVERY_S = 10.0
ROLL_UP_SPANS = 50_000
# What was imported is counted for so long before the import is over; the rest follows.
IMPORT_COUNT_S = 10.0


class StoreOwner:
    """Owns the store in `home` until `close`. Every method may be called from any thread.

    Raises StoreBusyError when another process owns it, StoreError when it cannot be opened.
    """

    def __init__(self, home: Path, *, lock: FolderLock | None = None) -> None:
        self.home = home
        self.notes: list[str] = []
        self._failures: list[str] = []
        prepare_folder(home)
        self._lock = lock or FolderLock(home)
        if lock is None:
            self._lock.acquire()
        try:
            self._database = open_database(home / DATABASE_NAME, self.notes)
            self.folder = JournalFolder(home)
            self._ingester = Ingester(self._database, self.folder)
            self._tokens = self._new_token_pass()
        except BaseException:
            self._lock.release()
            raise
        self._version = self._ingester.ingest_seq
        self._not_rolled = 0
        self._rolled_at_s = 0.0
        self._is_closed = False
        # Whether spans come from elsewhere than the journal, so that nobody knows who still writes.
        self.is_receiving = False

    def __enter__(self) -> StoreOwner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Rolls up, closes the database and lets the next owner in."""
        if not self._is_closed:
            self._close_tokens()
        with self._database.lock:
            if self._is_closed:
                return
            self._is_closed = True
            try:
                self.roll_up()
            except duckdb.Error as error:
                log.warning("cannot roll up: %s", error)
            self._ingester.close()
            try:
                self._database.close()
            except duckdb.Error as error:
                log.warning("cannot close the database cleanly: %s", error)
            self._lock.release()

    def data_version(self) -> int:
        """The number of the last ingested batch."""
        return self._version

    @property
    def ingested(self) -> int:
        """The number of the last batch of spans; `data_version` rises with counted tokens too."""
        return self._ingester.ingest_seq

    def ingest_pending(self) -> int:
        """Takes in what is committed in the journal and counts its tokens; gives back the number
        of spans.

        Raises StoreError when the database cannot take it; the segments stay.
        """
        total = self.ingest_journal()
        self.count_tokens()
        while self.read_kernel_trace():
            pass
        return total

    def read_kernel_trace(self) -> bool:
        """Takes in one recorded kernel trace whose request is stored; False where none waits."""
        if self._is_closed or not KernelTraces(self._database, self.home).read_next():
            return False
        self._version += 1
        return True

    def ingest_journal(self) -> int:
        """As `ingest_pending`, without counting: for a caller that has `count_tokens` run aside."""
        total = 0
        while True:
            count = self._ingest_batch()
            total += count
            if count < BATCH_ROWS:
                return total

    def count_tokens(
        self,
        *,
        deadline_s: float | None = None,
        rest: Callable[[], None] = lambda: None,
    ) -> int:
        """Counts the calls whose trace is complete, all once nobody records any more; gives back
        how many.

        Any thread; ingest goes on meanwhile. See TokenPass.run.
        """
        if self._is_closed or self._tokens.pass_over(self.ingested, self._ingester.call_seq):
            return 0
        return self._tokens.run(
            force=self._is_all_written(),
            deadline_s=deadline_s,
            rest=rest,
            on_stored=self._note_counted,
        )

    def add(self, write: Write) -> int:
        """Rows from elsewhere than the journal, in one transaction; gives back the spans added.

        Raises StoreError when the database cannot take anything now, duckdb.DataError for rows
        that it will never take.
        """
        with self._database.lock:
            if self._is_closed:
                raise StoreError("The store was closed. Open it again.")
            try:
                count = self._ingester.add(write)
            except duckdb.DataError:
                raise
            except duckdb.Error as error:
                raise StoreError(f"The store takes no spans now: {first_line(error)}") from error
            self._version += 1
            self._not_rolled += count
            self._failures.clear()
            return count

    def flush(self, timeout_s: float) -> bool:
        """True once all that is in the journal now is in the store and counted, False when time
        ran out or the database could not take it, which the status then tells.

        Calls whose request still runs are counted when it is over.
        """
        deadline = time.monotonic() + timeout_s
        try:
            while self._ingest_batch() >= BATCH_ROWS:
                if time.monotonic() > deadline:
                    return False
            self.count_tokens(deadline_s=deadline)
        except LatprobeError as error:
            self.note_failure(str(error))
            return False
        return time.monotonic() <= deadline

    def pids(self) -> dict[int, int | None]:
        """Processes that record now, each with its run's number (None before its first span)."""
        with self._database.lock:
            return self._ingester.pids

    def has_writers(self) -> bool:
        """Whether some process may still write to the journal."""
        with self._database.lock:
            return self._ingester.has_writers()

    def roll_up_if_due(self) -> None:
        """Rolls up when much is new or some time has passed."""
        if not self._not_rolled:
            return
        is_due = time.monotonic() - self._rolled_at_s >= ROLL_UP_EVERY_S
        if is_due or self._not_rolled >= ROLL_UP_SPANS:
            self.roll_up()

    def roll_up(self) -> None:
        """Brings `rollups` up to date."""
        with self._database.lock:
            roll_up(self._database)
            self._not_rolled = 0
            self._rolled_at_s = time.monotonic()

    def compact(self) -> None:
        """Merges rollup rows; for idle times."""
        with self._database.lock:
            compact(self._database)

    def query(
        self,
        sql: str,
        parameters: Sequence[object] = (),
        *,
        on_start: OnCursor | None = None,
        on_end: OnCursor | None = None,
    ) -> pa.Table:
        """The rows of one reading statement; see Database.query."""
        if self._is_closed:
            raise StoreError("The store was closed. Open it again.")
        return self._database.query(sql, parameters, on_start=on_start, on_end=on_end)

    def insert_samples(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Adds (time_ns, source, device, pid, run_id, metric, value) rows."""
        if not rows:
            return
        columns = list(zip(*rows, strict=True))
        table = pa.table(
            {
                "time_ns": pa.array(columns[0], pa.int64()),
                "source": pa.array(columns[1], pa.string()),
                "device": pa.array(columns[2], pa.string()),
                "pid": pa.array(columns[3], pa.uint32()),
                "run_id": pa.array(columns[4], pa.uint32()),
                "metric": pa.array(columns[5], pa.string()),
                "value": pa.array(columns[6], pa.float64()),
            }
        )
        self._insert("samples", table)

    def remember(self, key: str, value: str) -> None:
        """Keeps a fact about this store in `meta`, instead of what `key` said before."""
        with self._database.lock:
            if self._is_closed:
                raise StoreError("The store was closed. Open it again.")
            try:
                with self._database.transaction() as con:
                    con.execute(
                        "INSERT INTO meta VALUES (?, ?) "
                        "ON CONFLICT DO UPDATE SET value = excluded.value",
                        [key, value],
                    )
            except duckdb.Error as error:
                raise StoreError(f"The store cannot be written: {first_line(error)}") from error

    def prune(
        self,
        *,
        days: float = retention.DEFAULT_DAYS,
        max_bytes: int = retention.DEFAULT_MAX_BYTES,
    ) -> Pruned:
        """Removes old rows."""
        self.ingest_journal()
        with self._database.lock:
            pruned = retention.prune(self._database, days=days, max_bytes=max_bytes)
            self._ingester.reload()
            self._version += 1
        KernelTraces(self._database, self.home).remove_orphans()
        self._tokens.reload()
        return pruned

    def import_folder(self, folder: Path) -> ImportedRows:
        """Adds latprobe's own Parquet; rows that are here already are left out."""
        with self._database.lock:
            imported = import_folder(self._database, folder, sequence=self._ingester.ingest_seq + 1)
            self._ingester.reload()
            self._version += 1
            self.roll_up()
        self._tokens.reload()
        self.count_tokens(deadline_s=time.monotonic() + IMPORT_COUNT_S)
        return imported

    def note_failure(self, reason: str) -> None:
        """Keeps a reason for the status until spans are stored again; logs it once."""
        if reason not in self._failures:
            log.warning("%s", reason)
            self._failures.append(reason)

    def reopen_if_broken(self) -> None:
        """Opens the database again after an error that DuckDB does not recover from."""
        with self._database.lock:
            if self._is_closed or self._database.is_usable():
                return
            self._ingester.close()
            self._database.close()
            self._database = open_database(self.home / DATABASE_NAME, self.notes)
            self._ingester = Ingester(self._database, self.folder)
            self._tokens = self._new_token_pass()

    def status(
        self, *, agent_pid: int | None = None, agent_started_ns: int | None = None
    ) -> StoreStatus:
        """How the store is doing."""
        names = self.folder.segment_names()
        return store_status(
            self.query,
            self.home,
            journal_bytes=self.folder.size_bytes(),
            pending_segments=len(names),
            quarantined=self.folder.quarantined(),
            agent_pid=agent_pid,
            agent_started_ns=agent_started_ns,
            notes=(*self.notes, *self._failures, *self.folder.left_alone.values()),
        )

    def _ingest_batch(self) -> int:
        with self._database.lock:
            if self._is_closed:
                return 0
            before = self._ingester.ingest_seq
            try:
                count = self._ingester.ingest_batch()
            except duckdb.Error as error:
                raise StoreError(_ingest_failed(self.home, error)) from error
            if self._ingester.ingest_seq != before:
                self._version += 1
                self._not_rolled += count
                self._failures.clear()
            return count

    def _close_tokens(self) -> None:
        try:
            self._tokens.close()
        except duckdb.Error as error:
            log.warning("cannot note how far tokens are counted: %s", error)

    def _new_token_pass(self) -> TokenPass:
        return TokenPass(self._database, lambda: load_settings(home=self.home))

    def _is_all_written(self) -> bool:
        """Whether no request can go on, so that none of its spans is still to come."""
        with self._database.lock:
            return not self.is_receiving and self._ingester.is_all_taken()

    def _note_counted(self) -> None:
        self._version += 1

    def _insert(self, name: str, table: pa.Table) -> None:
        from latprobe.store.ingest import insert_table

        with self._database.transaction() as con:
            insert_table(con, name, [table])


def _ingest_failed(home: Path, error: duckdb.Error) -> str:
    return (
        f"The store in {home} {CANNOT_TAKE_IN}: {first_line(error).rstrip('.')}. "
        "The journal is kept and tried again; check the disk's free space."
    )
