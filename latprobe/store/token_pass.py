"""The second pass: counts the tokens of model calls that ingest has stored, exactly once.

Reading and counting need no lock, so ingest goes on beside them; a batch's rows and how far the
pass has come commit together. Whatever is lost with a killed process is counted by the next one.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import duckdb

from latprobe.config import Settings
from latprobe.errors import StoreError
from latprobe.store.content_memory import memory
from latprobe.store.database import Database
from latprobe.store.first_row import first_row
from latprobe.store.ingest import DATA_ERRORS
from latprobe.store.opening import first_line
from latprobe.store.token_calls import read_calls
from latprobe.store.token_candidates import Candidates, Ready

if TYPE_CHECKING:
    from latprobe.store.token_counting import Counting
    from latprobe.store.token_rows import CountedRows, TokenWriter

log = logging.getLogger("latprobe.agent")

BATCH_CALLS = 1_000
BATCH_BYTES = 32 << 20
# Objects that are made between two looks for cycles.
_COLLECT_AFTER = 50_000


class TokenPass:
    """Counts what is ready. `run` may be called from any thread, one at a time does the work."""

    def __init__(
        self,
        database: Database,
        load_settings: Callable[[], Settings],
        *,
        now_ns: Callable[[], int] = time.time_ns,
        batch_calls: int = BATCH_CALLS,
    ) -> None:
        self._database = database
        self._load_settings = load_settings
        self._batch_calls = batch_calls
        self._mutex = threading.Lock()
        self._is_closing = False
        self._is_stale = False
        self._counting: Counting | None = None
        self._stored_seq = _stored_seq(database.writer)
        self._writer: TokenWriter | None = None
        self._candidates = Candidates(database.query, self._stored_seq, now_ns=now_ns)

    def run(
        self,
        *,
        force: bool = False,
        deadline_s: float | None = None,
        rest: Callable[[], None] = lambda: None,
        on_stored: Callable[[], None] = lambda: None,
    ) -> int:
        """Counts all calls that are ready, with `force` all there are; gives back how many.

        Stops between batches once `time.monotonic()` has passed `deadline_s`. `rest` is called
        between calls and may sleep, or raise to end the pass, `on_stored` after each batch. Raises
        StoreError when the store cannot take the rows now, UsageError for wrong settings.
        """
        wait_s = -1.0 if deadline_s is None else max(deadline_s - time.monotonic(), 0.0)
        if not self._mutex.acquire(timeout=wait_s):
            return 0
        total = 0
        try:
            while not self._is_closing and (deadline_s is None or time.monotonic() <= deadline_s):
                has_more = self._candidates.look()
                ready = self._candidates.ready(
                    calls=self._batch_calls, size_bytes=BATCH_BYTES, force=force
                )
                if ready is not None:
                    total += self._count(ready, rest)
                    on_stored()
                elif not has_more:
                    break
        finally:
            self._mutex.release()
        return total

    def pass_over(self, latest: int, call_seq: int) -> bool:
        """Whether nothing is to be done for the batches up to `latest`; see Candidates.pass_over.
        False while another thread is at it."""
        if not self._mutex.acquire(blocking=False):
            return False
        try:
            return self._candidates.pass_over(latest, call_seq)
        finally:
            self._mutex.release()

    def reload(self) -> None:
        """Has it forget what it knows of stored parts and templates: rows have left, or came from
        elsewhere. Waits for nothing."""
        self._is_stale = True

    def close(self) -> None:
        """Ends a running pass after its batch, and notes how far it came, so that the next owner
        need not look again. The caller must not hold the database's lock, which a batch needs."""
        self._is_closing = True
        with self._mutex:
            reached = self._candidates.counted_seq()
            if reached > self._stored_seq:
                with self._database.transaction() as con:
                    self._note(con, reached)

    def _count(self, ready: Ready, rest: Callable[[], None]) -> int:
        counting = self._loaded()
        try:
            counting.rules.look(self._database.query)
            with _fewer_collections():
                rows = counting.count(read_calls(self._database.query, ready), rest=rest)
                self._store(rows, ready)
        except DATA_ERRORS as error:
            self._counting = None  # it has seen calls that are not stored
            return self._count_apart(ready, rest, error)
        except BaseException as error:
            self._counting = None
            if isinstance(error, duckdb.Error):
                raise StoreError(f"Tokens cannot be stored: {first_line(error)}") from error
            raise
        counting.note_stored(rows)
        self._candidates.done(ready)
        return len(rows.usage)

    def _count_apart(self, ready: Ready, rest: Callable[[], None], error: Exception) -> int:
        """One of the calls is what no table takes: finds it, so that it stops only itself."""
        if len(ready.keys) == 1:
            log.error("the tokens of span %016x are not counted: %s", ready.keys[0][1], error)
            self._candidates.done(ready)
            return 0
        middle = len(ready.keys) // 2
        halves = (ready.keys[:middle], ready.keys[middle:])
        return sum(self._count(replace(ready, keys=half), rest) for half in halves)

    def _store(self, rows: CountedRows, ready: Ready) -> None:
        from latprobe.store.token_rows import TokenWriter

        reached = self._candidates.counted_seq(ready)
        with self._database.transaction() as con:
            if self._writer is None:
                self._writer = TokenWriter(con)
            self._writer.write(con, rows)
            if reached != self._stored_seq:
                self._note(con, reached)
        self._stored_seq = reached

    def _note(self, con: duckdb.DuckDBPyConnection, reached: int) -> None:
        con.execute("UPDATE meta SET value = ? WHERE key = 'counted_seq'", [str(reached)])

    def _loaded(self) -> Counting:
        """The counters, imported with the first call: stores without any need not wait for them."""
        from latprobe.store.token_counting import Counting
        from latprobe.store.token_memory import (
            stored_calibration,
            stored_examples,
            stored_templates,
        )

        if self._is_stale or self._counting is None:
            self._is_stale = False
            query = self._database.query
            self._counting = Counting(
                self._load_settings(),
                templates=stored_templates(query),
                calibration=stored_calibration(query),
                memory=memory,
                examples=stored_examples(query),
            )
        return self._counting


@contextmanager
def _fewer_collections() -> Iterator[None]:
    """Has Python look for cycles less often: a batch makes 100,000 objects and hardly any cycle,
    and looking takes a tenth of its time."""
    usual = gc.get_threshold()
    gc.set_threshold(max(usual[0], _COLLECT_AFTER) if usual[0] else 0, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _stored_seq(con: duckdb.DuckDBPyConnection) -> int:
    row = first_row(con, "SELECT value FROM meta WHERE key = 'counted_seq'")
    return int(row[0]) if row else 0
