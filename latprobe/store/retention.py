"""Old data leaves: by age, then by size. Imported recordings are as old as their import."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import duckdb

from latprobe.store.database import Database
from latprobe.store.first_row import first_row
from latprobe.store.imported_runs import forget_imports_before, imported_since
from latprobe.store.rollup import roll_up
from latprobe.store.span_copies import COPY_NAMES
from latprobe.store.unsent import count_unsent

DEFAULT_DAYS = 30.0
DEFAULT_MAX_BYTES = 10 << 30
DAY_NS = 86_400 * 1_000_000_000
# Each round removes the share that is over the limit; compression is uneven, so it takes a few.
MAX_ROUNDS = 6

_TIMES = {
    "spans": "start_ns",
    "events": "time_ns",
    "usage": "start_ns",
    "samples": "time_ns",
    "rollups": "minute_ns",
}

# SQL that gives no run's number.
NO_RUN = "SELECT run_id FROM runs WHERE FALSE"
_OF_A_RUN = "run_id IN (SELECT run_id FROM kept_runs)"
# What is true of a row whose run stays. A GPU's samples belong to no run, but to its time.
_IS_KEPT = {
    "spans": f"({_OF_A_RUN})",
    "rollups": f"({_OF_A_RUN})",
    **{
        table: f"EXISTS (SELECT 1 FROM spans s WHERE s.trace_id = {table}.trace_id "
        f"AND s.span_id = {table}.span_id AND s.{_OF_A_RUN})"
        for table in ("events", "usage")
    },
    "samples": "EXISTS (SELECT 1 FROM kept_runs k WHERE CASE WHEN samples.run_id IS NULL "
    "THEN samples.time_ns BETWEEN k.from_ns AND k.to_ns ELSE samples.run_id = k.run_id END)",
}


@dataclass(frozen=True, slots=True)
class Pruned:
    """Rows removed from each table, and the database's size in bytes before and after."""

    spans: int
    events: int
    usage: int
    samples: int
    rollups: int
    runs: int
    bytes_before: int
    bytes_after: int


def prune(
    database: Database,
    *,
    days: float = DEFAULT_DAYS,
    max_bytes: int = DEFAULT_MAX_BYTES,
    now_ns: int | None = None,
) -> Pruned:
    """Removes what is older than `days`, then the oldest until the file is within `max_bytes`."""
    now = time.time_ns() if now_ns is None else now_ns
    removed = dict.fromkeys((*_TIMES, "runs"), 0)
    with database.lock:
        before = _file_bytes(database)
        roll_up(database)
        oldest = now - int(days * DAY_NS)
        _remove_before(database, oldest, removed, now_ns=now, kept=imported_since(oldest))
        _checkpoint(database)
        for _ in range(MAX_ROUNDS):
            used = _used_bytes(database)
            cutoff = _cutoff_for(database, 1 - max_bytes / used) if used > max_bytes else None
            if cutoff is None:
                break
            _remove_before(database, cutoff, removed, now_ns=now)
            _checkpoint(database)
        after = _file_bytes(database)
    return Pruned(**removed, bytes_before=before, bytes_after=after)


def _remove_before(
    database: Database, cutoff_ns: int, removed: dict[str, int], *, now_ns: int, kept: str = NO_RUN
) -> None:
    """Removes what started before, but for the runs that the SQL `kept` gives."""
    with database.transaction() as con:
        _keep(con, kept)
        count_unsent(con, before_ns=cutoff_ns, now_ns=now_ns, but_for=_IS_KEPT["spans"])
        for table, column in _TIMES.items():
            removed[table] += _delete(
                con, f"DELETE FROM {table} WHERE {column} < {cutoff_ns} AND NOT {_IS_KEPT[table]}"
            )
        _remove_orphans(con)
        if kept != NO_RUN:
            forget_imports_before(con, cutoff_ns)
        removed["runs"] += _delete(
            con,
            f"DELETE FROM runs WHERE started_ns < {cutoff_ns} "
            "AND run_id NOT IN (SELECT DISTINCT run_id FROM spans) "
            "AND run_id NOT IN (SELECT run_id FROM segments) "
            "AND run_id NOT IN (SELECT DISTINCT run_id FROM samples WHERE run_id IS NOT NULL)",
        )


def _keep(con: duckdb.DuckDBPyConnection, runs: str) -> None:
    """The temporary table `kept_runs`: which runs stay, and from when to when they ran."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE kept_runs AS "
        "SELECT run_id, min(start_ns) AS from_ns, max(start_ns + duration_ns) AS to_ns "
        f"FROM spans WHERE run_id IN ({runs}) GROUP BY run_id"
    )


def _remove_orphans(con: duckdb.DuckDBPyConnection) -> None:
    """What was found of spans that have left."""
    for table in ("call_parts", "tool_use", "gpu_spans", "kernel_profiles", *COPY_NAMES):
        con.execute(
            f"DELETE FROM {table} t WHERE NOT EXISTS (SELECT 1 FROM spans s "
            "WHERE s.trace_id = t.trace_id AND s.span_id = t.span_id)"
        )
    for table, key, source in (
        ("prompts", "hash", "call_parts"),
        ("templates", "template_id", "usage"),
    ):
        con.execute(
            f"DELETE FROM {table} t WHERE NOT EXISTS (SELECT 1 FROM {source} c "
            f"WHERE c.{key} = t.{key})"
        )


def _delete(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = first_row(con, sql)
    return int(row[0]) if row else 0


def _cutoff_for(database: Database, share: float) -> int | None:
    """The time before which that share of the spans and samples started; None without any."""
    row = first_row(
        database.writer,
        "SELECT quantile_disc(t, ?) FROM (SELECT start_ns AS t FROM spans "
        "UNION ALL SELECT time_ns FROM samples)",
        [min(max(share * 1.05, 0.02), 1.0)],
    )
    return None if row is None or row[0] is None else int(row[0]) + 1


def _checkpoint(database: Database) -> None:
    database.writer.execute("FORCE CHECKPOINT")


def _used_bytes(database: Database) -> int:
    row = first_row(database.writer, "SELECT used_blocks * block_size FROM pragma_database_size()")
    return int(row[0]) if row else 0


def _file_bytes(database: Database) -> int:
    total = 0
    for path in (database.path, database.path.with_name(database.path.name + ".wal")):
        try:
            total += os.stat(path).st_size
        except FileNotFoundError:
            continue
    return total
