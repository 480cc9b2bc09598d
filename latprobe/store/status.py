"""How a store is doing, as plain data."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from latprobe.store.query import Query
from latprobe.store.schema import SCHEMA_VERSION
from latprobe.store.token_candidates import WAITING_CALLS

# In the note of a store that cannot write what is in its journal: a full disk, mostly.
CANNOT_TAKE_IN = "cannot take in the journal"


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """Sizes in bytes, times in ns since the epoch; None where there is none.

    `recorded` spans are in the store, `dropped` ones never reached the journal. `notes` are
    sentences about what is wrong. `uncounted_calls` are model calls whose tokens are to be counted.
    """

    home: Path
    schema_version: int
    db_bytes: int
    journal_bytes: int
    pending_segments: int
    quarantined: int
    agent_pid: int | None
    agent_started_ns: int | None
    spans: int
    traces: int
    recorded: int
    dropped: int
    oldest_ns: int | None
    newest_ns: int | None
    notes: tuple[str, ...] = ()
    uncounted_calls: int = 0

    @property
    def not_taken_in(self) -> str | None:
        """Why the journal is not taken in; None where nothing is in the way."""
        return next((note for note in self.notes if CANNOT_TAKE_IN in note), None)


_COUNTS = """
SELECT count(*), count(DISTINCT trace_id), min(start_ns), max(start_ns + duration_ns),
       (SELECT coalesce(sum(dropped), 0)::BIGINT FROM runs)
FROM spans
"""


def store_status(
    query: Query,
    home: Path,
    *,
    journal_bytes: int,
    pending_segments: int,
    quarantined: int,
    agent_pid: int | None,
    agent_started_ns: int | None,
    notes: tuple[str, ...],
) -> StoreStatus:
    """The status: what the caller knows of the journal, the rest asked from the tables."""
    row = next(iter(query(_COUNTS).to_pylist()))
    spans, traces, oldest, newest, dropped = row.values()
    return StoreStatus(
        home=home,
        schema_version=SCHEMA_VERSION,
        db_bytes=database_bytes(home),
        journal_bytes=journal_bytes,
        pending_segments=pending_segments,
        quarantined=quarantined,
        agent_pid=agent_pid,
        agent_started_ns=agent_started_ns,
        spans=spans,
        traces=traces,
        recorded=spans,
        dropped=dropped,
        oldest_ns=oldest,
        newest_ns=newest,
        notes=notes,
        uncounted_calls=next(iter(query(WAITING_CALLS).to_pylist()))["calls"],
    )


def database_bytes(home: Path) -> int:
    """The database's and its log's size, by their names: never by opening them, which would drop
    the owner's lock."""
    total = 0
    for name in ("latprobe.duckdb", "latprobe.duckdb.wal"):
        try:
            total += os.stat(home / name).st_size
        except OSError:
            continue
    return total
