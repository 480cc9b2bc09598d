"""From the spool into the store, exactly once: rows and how far a file was read commit together."""

from __future__ import annotations

import logging
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import duckdb

from latprobe.errors import StoreError
from latprobe.store.owner import StoreOwner
from latprobe.store.runs import Runs
from latprobe_collectors.otlp.decode import SpanColumns
from latprobe_collectors.otlp.messages import Request
from latprobe_collectors.otlp.rows import ReceivedRows, to_received_rows
from latprobe_collectors.otlp.spool import Frame, Spool, read_frames, spool_files
from latprobe_collectors.otlp.storing import store_rows

log = logging.getLogger("latprobe.agent")

BATCH_SPANS = 16_384
BATCH_BYTES = 16 << 20
# Few spans wait a little for more: a transaction costs the same for one as for a thousand.
FEW_S = 0.1
FIRST_RETRY_S = 1.0
LAST_RETRY_S = 30.0
_KEY = "otlp:"


@dataclass(frozen=True, slots=True)
class Batch:
    """Requests of one file that go into one transaction."""

    path: Path
    start: int
    frames: list[Frame]

    @property
    def end(self) -> int:
        """The offset behind the last request."""
        return self.frames[-1].end


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch with its rows, None when nothing is left; `exhausted` files end before it."""

    batch: Batch | None
    rows: ReceivedRows | None
    exhausted: list[tuple[Path, int]]


class SpoolIngest:
    """Takes spool files in, oldest first. One thread uses it at a time.

    While DuckDB stores a batch, which needs no GIL, a second thread decodes the next one.
    """

    def __init__(self, owner: StoreOwner, spool: Spool) -> None:
        self._owner = owner
        self._spool = spool
        rows = owner.query(
            "SELECT key, value FROM meta WHERE starts_with(key, ?)", [_KEY]
        ).to_pylist()
        self._offsets = {row["key"][len(_KEY) :]: int(row["value"]) for row in rows}
        self._gone = [name for name in self._offsets if not (spool.folder / name).exists()]
        self._spool.taken(sum(self._offsets[n] for n in self._offsets if n not in self._gone))
        self._decoder = ThreadPoolExecutor(1, thread_name_prefix="latprobe-otlp-decode")
        self._ahead: Future[Prepared] | None = None

    def close(self) -> None:
        """Ends the second thread."""
        self._decoder.shutdown(cancel_futures=True)

    def take(self) -> int:
        """One transaction's worth; gives back its requests, 0 when nothing is left.

        Raises StoreError when the store cannot take it now; the files stay.
        """
        ahead, self._ahead = self._ahead, None
        prepared = None if ahead is None else self._finished(ahead.result())
        if prepared is None or prepared.batch is None:  # perhaps something came since it looked
            prepared = self._finished(self._prepare(dict(self._offsets)))
        batch, rows = prepared.batch, prepared.rows
        if batch is None or rows is None:
            return 0
        after = {**self._offsets, batch.path.name: batch.end}
        ahead = self._decoder.submit(self._prepare, after)
        try:
            self._store(batch, rows)
        except duckdb.DataError as error:
            self._store_one_by_one(batch, error)
        except BaseException:
            wait([ahead])  # what it has read would follow on rows that are not stored
            raise
        self._ahead = ahead
        return len(batch.frames)

    def _prepare(self, offsets: dict[str, int]) -> Prepared:
        """The next batch after `offsets`."""
        exhausted: list[tuple[Path, int]] = []
        paths = spool_files(self._spool.folder)
        current = self._spool.current  # asked after the listing: a newer file is not in the list
        for path in paths:
            start = offsets.get(path.name, 0)
            frames = _some(path, start)
            if frames:
                return Prepared(Batch(path, start, frames), _decoded(frames), exhausted)
            if path.name != current:
                exhausted.append((path, start))
        return Prepared(None, None, exhausted)

    def _finished(self, prepared: Prepared) -> Prepared:
        for path, offset in prepared.exhausted:
            self._finish(path, offset)
        return prepared

    def _finish(self, path: Path, offset: int) -> None:
        """The file's requests are all in the store. A torn last one, which was never answered, is
        kept aside, because damage looks the same."""
        torn = path.stat().st_size - offset
        self._spool.taken(torn)
        if torn:
            log.warning("%s ends in %d bytes that are no request; it is kept", path, torn)
            path.rename(path.with_suffix(".torn"))
        else:
            os.unlink(path)
        if self._offsets.pop(path.name, None) is not None:
            self._gone.append(path.name)

    def _store(self, batch: Batch, rows: ReceivedRows) -> None:
        def write(con: duckdb.DuckDBPyConnection, runs: Runs, sequence: int) -> int:
            self._note_offset(con, batch.path.name, batch.end)
            return store_rows(con, runs, sequence, rows)

        self._owner.add(write)
        self._taken(batch)

    def _store_one_by_one(self, batch: Batch, error: duckdb.Error) -> None:
        """After a request whose rows the database never takes: that one is kept aside."""
        if len(batch.frames) > 1:
            start = batch.start
            for frame in batch.frames:
                single = Batch(batch.path, start, [frame])
                try:
                    self._store(single, _decoded([frame]))
                except duckdb.DataError as failure:
                    self._store_one_by_one(single, failure)
                start = frame.end
            return
        frame = batch.frames[0]
        aside = batch.path.with_name(f"{batch.path.stem}-{batch.start}.refused")
        aside.write_bytes(frame.payload)
        note = f"A request of {frame.spans} spans cannot be stored; it is kept as {aside}: {error}"
        log.error("%s", note)
        self._owner.notes.append(note)

        def write(con: duckdb.DuckDBPyConnection, runs: Runs, sequence: int) -> int:
            self._note_offset(con, batch.path.name, frame.end)
            return 0

        self._owner.add(write)
        self._taken(batch)

    def _note_offset(self, con: duckdb.DuckDBPyConnection, name: str, offset: int) -> None:
        for gone in self._gone:
            con.execute("DELETE FROM meta WHERE key = ?", [_KEY + gone])
        con.execute(
            "UPDATE meta SET value = ? WHERE key = ?"
            if name in self._offsets
            else "INSERT INTO meta (value, key) VALUES (?, ?)",
            [str(offset), _KEY + name],
        )

    def _taken(self, batch: Batch) -> None:
        self._gone.clear()
        self._offsets[batch.path.name] = batch.end
        self._spool.taken(batch.end - batch.start)


class SpoolThread:
    """Runs a SpoolIngest until `stop`, which takes in the rest."""

    def __init__(self, owner: StoreOwner, spool: Spool) -> None:
        self._owner = owner
        self._spool = spool
        self._ingest = SpoolIngest(owner, spool)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="latprobe-otlp-store", daemon=True)

    def start(self) -> None:
        """Begins with what an earlier agent left."""
        self._thread.start()

    def stop(self) -> None:
        """Returns when all that was accepted is in the store, or cannot be put there."""
        self._spool.close()
        self._stop.set()
        self._spool.arrived.set()
        self._thread.join()
        self._ingest.close()

    def _run(self) -> None:
        retry_s = FIRST_RETRY_S
        while True:
            self._spool.arrived.clear()
            try:
                taken = self._take_all()
                retry_s = FIRST_RETRY_S
            except (StoreError, OSError) as error:
                taken = 0
                self._owner.note_failure(f"Received spans wait in {self._spool.folder}: {error}")
                if self._stop.wait(retry_s):
                    return
                retry_s = min(retry_s * 2, LAST_RETRY_S)
                self._spool.arrived.set()
            if self._stop.is_set():
                return
            if not taken or not self._spool.arrived.is_set():
                self._spool.arrived.wait()
            self._stop.wait(FEW_S)

    def _take_all(self) -> int:
        total = 0
        while count := self._ingest.take():
            total += count
        return total


def _decoded(frames: list[Frame]) -> ReceivedRows:
    columns = SpanColumns()
    for frame in frames:
        columns.add(Request.FromString(frame.payload))
    return to_received_rows(columns)


def _some(path: Path, offset: int) -> list[Frame]:
    frames: list[Frame] = []
    spans = size = 0
    for frame in read_frames(path, offset):
        if frames and (
            spans + frame.spans > BATCH_SPANS or size + len(frame.payload) > BATCH_BYTES
        ):
            break
        frames.append(frame)
        spans += frame.spans
        size += len(frame.payload)
    return frames
