"""Journal to DuckDB, exactly once: a segment's rows and how far it was read commit together."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from latprobe.errors import SegmentError
from latprobe.journal.reader import SegmentReader, Taken
from latprobe.store.columns import Rows, to_rows
from latprobe.store.database import Database
from latprobe.store.first_row import first_row
from latprobe.store.gpu_spans import LateFacts, insert_late
from latprobe.store.journal_folder import JournalFolder
from latprobe.store.runs import Runs
from latprobe.store.token_candidates import may_hold_calls

log = logging.getLogger("latprobe.agent")

BATCH_ROWS = 65_536

# What a segment's content can raise; a full disk raises other classes of duckdb.Error.
DATA_ERRORS = (ValueError, TypeError, OverflowError, duckdb.DataError, duckdb.IntegrityError)

# Adds rows under a batch number, within a transaction; gives back how many spans.
Write = Callable[[duckdb.DuckDBPyConnection, Runs, int], int]


@dataclass(slots=True)
class Batch:
    """What goes into one transaction."""

    taken: list[tuple[SegmentReader, Taken]] = field(default_factory=list)
    count: int = 0

    def add(self, reader: SegmentReader, taken: Taken) -> None:
        """Counts a segment's news in."""
        self.taken.append((reader, taken))
        self.count += len(taken.rows)


class Ingester:
    """Reads segments as they grow. Not thread-safe: the owner holds its lock around each call."""

    def __init__(self, database: Database, folder: JournalFolder) -> None:
        self._database = database
        self._folder = folder
        con = database.writer
        self._runs = Runs(con)
        self._open: dict[str, SegmentReader] = {}
        rows = con.execute("SELECT name, records, holes FROM segments").fetchall()
        self._offsets: dict[str, tuple[int, tuple[int, ...]]] = {
            name: (records, _parse_holes(holes)) for name, records, holes in rows
        }
        # Read in part by an owner before this one: their late facts may be stored already.
        self._resumed = set(self._offsets)
        self._deleted: list[str] = []
        self.ingest_seq = _stored_sequence(con)
        # The last batch that may hold a model's call.
        self.call_seq = self.ingest_seq
        self._forget_deleted()

    def reload(self) -> None:
        """Reads the run numbers and the sequence again, after somebody else added rows."""
        self._runs = Runs(self._database.writer)
        self.call_seq = self.ingest_seq = _stored_sequence(self._database.writer)

    def close(self) -> None:
        """Lets all segments go."""
        for reader in self._open.values():
            reader.close()
        self._open.clear()

    @property
    def pids(self) -> dict[int, int | None]:
        """Processes that write segments now, with their run's number."""
        return {
            reader.header.pid: self._runs.known(reader.header.run_uuid)
            for reader in self._open.values()
        }

    def ingest_batch(self) -> int:
        """One transaction's worth of what is committed in the journal; gives back its spans.

        Fewer than BATCH_ROWS means that nothing was left.
        """
        batch = self._collect()
        if batch.taken:
            try:
                self._store(batch)
            except DATA_ERRORS as error:
                self._store_one_by_one(batch, error)
        return batch.count

    def has_writers(self) -> bool:
        """Whether some process still writes."""
        return any(not reader.is_writer_gone() for reader in self._open.values())

    def is_all_taken(self) -> bool:
        """Whether no segment is open: all writers have gone, and what they wrote is stored."""
        return not self._open

    def _collect(self) -> Batch:
        batch = Batch()
        for name in self._folder.segment_names():
            reader = self._open.get(name) or self._open_segment(name)
            if reader is None:
                continue
            try:
                taken = reader.take(BATCH_ROWS - batch.count)
            except SegmentError as error:
                self._drop_reader(name)
                self._folder.set_aside(name, str(error))
                self._forget(name)
                continue
            if (
                len(taken.rows)
                or taken.late
                or taken.is_last
                or taken.next_slot != reader.next_slot
            ):
                batch.add(reader, taken)
            if batch.count >= BATCH_ROWS:
                break
        return batch

    def _open_segment(self, name: str) -> SegmentReader | None:
        next_slot, holes = self._offsets.get(name, (0, ()))
        reader = self._folder.open(name, next_slot, holes)
        if reader is not None:
            self._open[name] = reader
        return reader

    def add(self, write: Write, *, has_calls: Callable[[], bool] = lambda: True) -> int:
        """Runs `write` as one batch, a transaction with a number; gives back its spans.
        `has_calls` is asked afterwards whether a model's call may be among them."""
        sequence = self.ingest_seq + 1
        try:
            with self._database.transaction() as con:
                count = write(con, self._runs, sequence)
                con.execute("UPDATE meta SET value = ? WHERE key = 'ingest_seq'", [str(sequence)])
        except BaseException:
            self._runs.rollback()
            raise
        self._runs.commit()
        if has_calls():
            self.call_seq = sequence
        self.ingest_seq = sequence
        return count

    def _store(self, batch: Batch) -> None:
        rows: list[Rows] = []

        def write(con: duckdb.DuckDBPyConnection, runs: Runs, sequence: int) -> int:
            rows.extend(
                to_rows(taken, run_id=runs.number(con, taken), ingest_seq=sequence)
                for _, taken in batch.taken
                if len(taken.rows) or taken.header.dropped
            )
            insert_rows(con, rows)
            insert_late(
                con,
                [
                    LateFacts(taken, runs.number(con, taken), taken.segment in self._resumed)
                    for _, taken in batch.taken
                    if taken.late
                ],
            )
            self._note_offsets(con, batch)
            return batch.count

        self.add(write, has_calls=lambda: any(may_hold_calls(part.spans) for part in rows))
        self._deleted.clear()
        for reader, taken in batch.taken:
            reader.advance(taken)
            self._offsets[taken.segment] = (taken.next_slot, taken.holes)
            if taken.is_last:
                self._finish(reader)
        damaged = sum(part.damaged for part in rows)
        if damaged:
            log.warning("%d spans lost their name or attributes to damage in the journal", damaged)

    def _store_one_by_one(self, batch: Batch, error: Exception) -> None:
        """One segment holds something the store cannot: finds it, so that it stops only itself."""
        for reader, taken in batch.taken:
            single = Batch()
            single.add(reader, taken)
            try:
                self._store(single)
            except DATA_ERRORS as found:
                error = found
                name = reader.path.name
                self._drop_reader(name)
                self._folder.set_aside(name, f"{reader.path} cannot be stored: {error}.")
                self._forget(name)

    def _note_offsets(self, con: duckdb.DuckDBPyConnection, batch: Batch) -> None:
        """How far each segment was read. Known segments are updated and not upserted: an upsert
        leaves a dead row behind, and took 4 ms after some hundreds of batches."""
        now = time.time_ns()
        for name in self._deleted:
            con.execute("DELETE FROM segments WHERE name = ?", [name])
        for _, taken in batch.taken:
            holes = _format_holes(taken.holes)
            if taken.segment in self._offsets:
                con.execute(
                    "UPDATE segments SET records = ?, holes = ?, ingested_ns = ? WHERE name = ?",
                    [taken.next_slot, holes, now, taken.segment],
                )
            else:
                run_id = self._runs.known(taken.header.run_uuid) or 0
                con.execute(
                    "INSERT INTO segments VALUES (?, ?, ?, ?, ?)",
                    [taken.segment, run_id, taken.next_slot, holes, now],
                )

    def _finish(self, reader: SegmentReader) -> None:
        """The segment is in the store for good: deletes it, or keeps a damaged one aside."""
        name = reader.path.name
        damaged = reader.damaged
        self._drop_reader(name)
        if damaged or reader.heap.is_broken:
            self._folder.set_aside(name, f"{reader.path} has {damaged} damaged spans.")
        else:
            try:
                os.unlink(reader.path)
            except OSError as error:
                self._folder.left_alone[name] = (
                    f"{reader.path} cannot be deleted: {error.strerror}."
                )
                log.warning("%s", self._folder.left_alone[name])
                return
        self._forget(name)

    def _forget(self, name: str) -> None:
        if self._offsets.pop(name, None) is not None:
            self._deleted.append(name)

    def _drop_reader(self, name: str) -> None:
        reader = self._open.pop(name, None)
        if reader is not None:
            reader.close()

    def _forget_deleted(self) -> None:
        """Rows of segments whose file went after the last commit of a killed owner."""
        gone = [name for name in self._offsets if not (self._folder.path / name).exists()]
        for name in gone:
            del self._offsets[name]
        self._deleted = gone


def insert_rows(con: duckdb.DuckDBPyConnection, rows: Iterable[Rows]) -> None:
    """Adds the rows to `spans` and `events`."""
    parts = list(rows)
    insert_table(con, "spans", [part.spans for part in parts])
    insert_table(con, "events", [part.events for part in parts if part.events is not None])


def insert_table(con: duckdb.DuckDBPyConnection, name: str, parts: list[pa.Table]) -> None:
    """Appends Arrow tables to a table of the store, column by name."""
    filled = [part for part in parts if part.num_rows]
    if not filled:
        return
    table = filled[0] if len(filled) == 1 else pa.concat_tables(filled).unify_dictionaries()
    con.register("incoming", table)
    try:
        con.execute(f"INSERT INTO {name} BY NAME SELECT * FROM incoming")
    finally:
        con.unregister("incoming")


def _stored_sequence(con: duckdb.DuckDBPyConnection) -> int:
    row = first_row(con, "SELECT value FROM meta WHERE key = 'ingest_seq'")
    return int(row[0]) if row else 0


def _format_holes(holes: tuple[int, ...]) -> str | None:
    return ",".join(map(str, holes)) if holes else None


def _parse_holes(text: str | None) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(",")) if text else ()
