"""Late facts of spans, from the journal to `gpu_spans`, and which kernel traces wait to be read."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from latprobe.journal.heap import Late
from latprobe.journal.reader import Taken

# In `meta`: traces not yet read, a row each, with what reading them takes.
WAITING = "profile:"
TRACE_NAME = re.compile(r"[0-9a-f]{32}-[0-9a-f]{16}\.json")
_MAX = (1 << 63) - 1

# What a fact is, and what its absence says: the recorder leaves zeros out.
_COUNTS = {"sync_wait_ns": 64, "sync_waits": 32, "h2d_bytes": 64, "d2h_bytes": 64, "copies": 32}
_MEASURED = ("gpu_start_ns", "gpu_ns", "gpu_lag_ns", "alloc_delta_bytes", "alloc_peak_bytes")
_SIGNED = ("gpu_start_ns", "alloc_delta_bytes")

_SCHEMA = pa.schema(
    [
        ("trace_id", pa.string()),
        ("span_id", pa.uint64()),
        ("run_id", pa.uint32()),
        ("device", pa.string()),
        ("gpu_start_ns", pa.int64()),
        ("gpu_ns", pa.int64()),
        ("gpu_lag_ns", pa.int64()),
        ("sync_wait_ns", pa.int64()),
        ("sync_waits", pa.uint32()),
        ("h2d_bytes", pa.int64()),
        ("d2h_bytes", pa.int64()),
        ("copies", pa.uint32()),
        ("alloc_delta_bytes", pa.int64()),
        ("alloc_peak_bytes", pa.int64()),
        ("is_cold", pa.bool_()),
    ]
)


@dataclass(frozen=True, slots=True)
class LateFacts:
    """A segment's late facts, of the run `run_id`. `may_be_stored`: an owner before this one read
    the segment, and its facts have no place of their own that would say how far."""

    taken: Taken
    run_id: int
    may_be_stored: bool


def insert_late(con: duckdb.DuckDBPyConnection, facts: Iterable[LateFacts]) -> None:
    """Adds them; of a span that is there already, and of a second fact of one, nothing."""
    fresh: list[dict[str, Any]] = []
    doubtful: list[dict[str, Any]] = []
    for each in facts:
        header = each.taken.header
        offset_ns = header.wall_ns - header.monotonic_ns
        rows = doubtful if each.may_be_stored else fresh
        for late in each.taken.late:
            if "kernel_trace" in late[3]:
                _note_trace(con, late, each.run_id, offset_ns)
            else:
                rows.append(_row(late, each.run_id, offset_ns))
    _insert(con, fresh, only_new=False)
    _insert(con, doubtful, only_new=True)


def _row(late: Late, run_id: int, offset_ns: int) -> dict[str, Any]:
    high, low, span_id, facts = late
    start_ns = _number(facts, "gpu_start_ns")
    device = facts.get("device")
    row: dict[str, Any] = {
        "trace_id": str(uuid.UUID(int=high << 64 | low)),
        "span_id": span_id,
        "run_id": run_id,
        "device": device if isinstance(device, str) else None,
        "is_cold": facts.get("is_cold") is True,
    }
    row.update((name, _number(facts, name)) for name in _MEASURED)
    row.update((name, _number(facts, name, bits) or 0) for name, bits in _COUNTS.items())
    if start_ns is not None:
        row["gpu_start_ns"] = start_ns + offset_ns
    return row


def _number(facts: Mapping[str, Any], name: str, bits: int = 64) -> int | None:
    """A fact that can be one; None for what damage or a stranger made of it."""
    value = facts.get(name)
    if type(value) is not int or (value < 0 and name not in _SIGNED):
        return None
    return value if abs(value) <= (_MAX >> 1 if bits == 64 else (1 << bits) - 1) else None


def _insert(con: duckdb.DuckDBPyConnection, rows: list[dict[str, Any]], *, only_new: bool) -> None:
    if not rows:
        return
    unique = {(row["trace_id"], row["span_id"]): row for row in reversed(rows)}
    con.register("late", pa.Table.from_pylist(list(unique.values()), schema=_SCHEMA))
    condition = (
        "WHERE NOT EXISTS (SELECT 1 FROM gpu_spans g "
        "WHERE g.trace_id = l.trace_id::UUID AND g.span_id = l.span_id)"
    )
    try:
        con.execute(
            "INSERT INTO gpu_spans BY NAME SELECT l.* REPLACE (l.trace_id::UUID AS trace_id) "
            f"FROM late l {condition if only_new else ''}"
        )
    finally:
        con.unregister("late")


def _note_trace(con: duckdb.DuckDBPyConnection, late: Late, run_id: int, offset_ns: int) -> None:
    """Remembers a kernel trace that has been written, unless it is known or has been read."""
    high, low, span_id, facts = late
    name = facts["kernel_trace"]
    if not isinstance(name, str) or not TRACE_NAME.fullmatch(name):
        return
    threads = facts.get("threads")
    about = {
        "trace_id": str(uuid.UUID(int=high << 64 | low)),
        "span_id": span_id,
        "run_id": run_id,
        "cost_ns": _number(facts, "profile_cost_ns"),
        "clock_offset_ns": offset_ns,
        "threads": threads if isinstance(threads, dict) else {},
    }
    con.execute(
        "INSERT INTO meta SELECT ?, ? WHERE NOT EXISTS (SELECT 1 FROM kernel_profiles "
        "WHERE trace_path LIKE ? || '%') ON CONFLICT DO NOTHING",
        [WAITING + name, json.dumps(about), f"profiles/{name}"],
    )
