"""Rows of `runs`: one for each run that a segment names."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb

from latprobe.journal.header import Header
from latprobe.journal.reader import Taken
from latprobe.store.git_commit import git_commit
from latprobe.store.json_text import json_text

UNKNOWN_SERVICE = "unknown"
# Keys of `meta` with a run's number: how its project counts and prices tokens.
COUNTING_PREFIX = "counting:"


class Runs:
    """Knows the run numbers given so far; `rollback` forgets those of a failed transaction."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        rows = con.execute("SELECT run_uuid, run_id FROM runs").fetchall()
        self._ids: dict[uuid.UUID, int] = {row[0]: row[1] for row in rows}
        self._fresh: list[uuid.UUID] = []
        rows = con.execute("SELECT key, value FROM meta WHERE key LIKE 'dropped:%'").fetchall()
        self._dropped: dict[str, int] = {key: int(value) for key, value in rows}
        self._dropped_before: dict[str, int | None] = {}
        self._ruled: set[int] = set()

    def number(self, con: duckdb.DuckDBPyConnection, taken: Taken) -> int:
        """The run's number, after adding its row if it is new."""
        found = self.number_of(con, taken.header.run_uuid, lambda: _described(taken))
        self._note_rules(con, found, taken.run.get("counting"))
        self._note_dropped(con, found, taken.header)
        return found

    def number_of(
        self,
        con: duckdb.DuckDBPyConnection,
        key: uuid.UUID,
        describe: Callable[[], Mapping[str, Any]],
    ) -> int:
        """The run's number; a new run gets its row with what `describe` gives."""
        found = self._ids.get(key)
        if found is None:
            found = max(self._ids.values(), default=0) + 1
            insert_run(con, found, key, describe())
            self._ids[key] = found
            self._fresh.append(key)
        return found

    def known(self, key: uuid.UUID) -> int | None:
        """The run's number, None before its first span."""
        return self._ids.get(key)

    def commit(self) -> None:
        """The transaction that used `number` is in the store."""
        self._fresh.clear()
        self._dropped_before.clear()

    def rollback(self) -> None:
        """The transaction that used `number` is not in the store."""
        self._ruled.clear()
        for key in self._fresh:
            self._ids.pop(key, None)
        for name, value in self._dropped_before.items():
            if value is None:
                self._dropped.pop(name, None)
            else:
                self._dropped[name] = value
        self.commit()

    def _note_rules(self, con: duckdb.DuckDBPyConnection, run_id: int, text: object) -> None:
        """Keeps how the run's project counts and prices its calls."""
        if not isinstance(text, str) or run_id in self._ruled:
            return
        con.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO NOTHING",
            [f"{COUNTING_PREFIX}{run_id}", text],
        )
        self._ruled.add(run_id)

    def _note_dropped(self, con: duckdb.DuckDBPyConnection, run_id: int, header: Header) -> None:
        """Adds what the process dropped since it was last heard of to the run's total."""
        name = f"dropped:{header.run_uuid}:{header.pid}"
        before = self._dropped.get(name)
        more = header.dropped - (before or 0)
        if more <= 0 or header.dropped >= 1 << 62:
            return
        con.execute("UPDATE runs SET dropped = dropped + ? WHERE run_id = ?", [more, run_id])
        con.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            [name, str(header.dropped)],
        )
        self._dropped_before.setdefault(name, before)
        self._dropped[name] = header.dropped


def insert_run(
    con: duckdb.DuckDBPyConnection, run_id: int, key: uuid.UUID, values: Mapping[str, Any]
) -> None:
    """Adds a row of `runs`; columns missing from `values` become NULL or their default."""
    columns = ["run_id", "run_uuid", *values]
    marks = ", ".join("?" for _ in columns)
    con.execute(
        f"INSERT INTO runs ({', '.join(columns)}) VALUES ({marks})",
        [run_id, str(key), *values.values()],
    )


def _described(taken: Taken) -> dict[str, Any]:
    run = taken.run
    cwd = _text(run.get("cwd"))
    argv = run.get("argv")
    cost = run.get("span_cost_ns")
    resource = run.get("resource")
    return {
        "service": _text(run.get("service")) or UNKNOWN_SERVICE,
        "version": _text(run.get("version")),
        "git_commit": git_commit(Path(cwd)) if cwd else None,
        "host": _text(run.get("host")),
        "platform": _text(run.get("platform")),
        "python": _text(run.get("python")),
        "latprobe": _text(run.get("latprobe")),
        "argv": _text(" ".join(map(str, argv))) if isinstance(argv, (list, tuple)) else _text(argv),
        "cwd": cwd,
        "started_ns": taken.header.wall_ns,
        "span_cost_ns": float(cost) if isinstance(cost, (int, float)) else None,
        "resource": json_text(resource) if isinstance(resource, dict) and resource else None,
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value).encode("utf-8", "replace").decode()
