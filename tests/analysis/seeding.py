"""A store in memory with the real schema, and spans written as short literals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from latprobe.analysis.spans import Spans
from latprobe.store.schema import FIRST_META, TABLES, VIEWS

EPOCH_NS = 1_700_000_000_000_000_000
MS = 1_000_000

# As many rows go into one statement.
ROWS_AT_ONCE = 100


@dataclass(frozen=True)
class Seed:
    """A span from `start_ms` to `end_ms`, counted from EPOCH_NS. Other columns by keyword."""

    span_id: int
    parent_id: int | None
    name: str
    start_ms: float
    end_ms: float
    trace: int = 1
    more: dict[str, Any] = field(default_factory=dict)


def seed(
    span_id: int,
    parent_id: int | None,
    name: str,
    start_ms: float,
    end_ms: float,
    trace: int = 1,
    **more: Any,
) -> Seed:
    """A Seed; `more` are columns of `spans`."""
    return Seed(span_id, parent_id, name, start_ms, end_ms, trace, more)


def trace_hex(trace: int) -> str:
    """The trace id that a Seed's small number stands for."""
    return f"{trace:032x}"


def table_of(seeds: Sequence[Seed]) -> pa.Table:
    """The seeds as a table that Spans reads."""
    return pa.table(
        {
            "trace": np.array([s.trace for s in seeds], np.int64),
            "span_id": pa.array([s.span_id for s in seeds], pa.uint64()),
            "parent_span_id": pa.array([s.parent_id for s in seeds], pa.uint64()),
            "start_ns": pa.array([EPOCH_NS + int(s.start_ms * MS) for s in seeds], pa.int64()),
            "duration_ns": pa.array([int((s.end_ms - s.start_ms) * MS) for s in seeds], pa.int64()),
            "name": pa.array([s.name for s in seeds], pa.string()),
        }
    )


def spans_of(seeds: Sequence[Seed]) -> Spans:
    """The seeds as Spans."""
    return Spans.from_table(table_of(seeds))


class MemoryStore:
    """A Query over an empty store in memory."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        for statement in (TABLES + VIEWS).split(";\n"):
            if statement.strip():
                self.connection.execute(statement)
        self.connection.executemany("INSERT INTO meta VALUES (?, ?)", FIRST_META)

    def __call__(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table:
        return self.connection.sql(sql, params=list(parameters)).to_arrow_table()

    def add_run(self, run_id: int = 1, **columns: Any) -> None:
        """A run; `service` is "app" unless given."""
        row = {
            "run_id": run_id,
            "run_uuid": trace_hex(run_id),
            "service": "app",
            "started_ns": EPOCH_NS,
            **columns,
        }
        self._insert("runs", row)

    def add_spans(self, seeds: Iterable[Seed]) -> None:
        """The seeds as rows of `spans`."""
        rows = [
            {
                "trace_id": trace_hex(each.trace),
                "span_id": each.span_id,
                "parent_span_id": each.parent_id,
                "run_id": 1,
                "ingest_seq": 1,
                "name": each.name,
                "kind": "internal",
                "status": "unset",
                "start_ns": EPOCH_NS + int(each.start_ms * MS),
                "duration_ns": int((each.end_ms - each.start_ms) * MS),
                **each.more,
            }
            for each in seeds
        ]
        # One statement for many rows: each costs as much to plan as to run.
        for _, group in groupby(rows, key=list):
            alike = list(group)
            for first in range(0, len(alike), ROWS_AT_ONCE):
                self._insert("spans", *alike[first : first + ROWS_AT_ONCE])

    def add_usage(self, trace: int, span_id: int, **columns: Any) -> None:
        """One model call's usage."""
        row = {
            "trace_id": trace_hex(trace),
            "span_id": span_id,
            "run_id": 1,
            "start_ns": EPOCH_NS,
            "stage": "llm",
            "origin": "provider",
            **columns,
        }
        self._insert("usage", row)

    def add_event(self, trace: int, span_id: int, **columns: Any) -> None:
        """One event."""
        row = {"trace_id": trace_hex(trace), "span_id": span_id, "time_ns": EPOCH_NS, **columns}
        self._insert("events", row)

    def _insert(self, table: str, *rows: dict[str, Any]) -> None:
        """The rows, which have the same columns in the same order."""
        marks = f"({', '.join('?' for _ in rows[0])})"
        self.connection.execute(
            f"INSERT INTO {table} ({', '.join(rows[0])}) VALUES {', '.join([marks] * len(rows))}",
            [value for row in rows for value in row.values()],
        )
