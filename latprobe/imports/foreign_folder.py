"""Writes rows of other programs' spans as latprobe's own Parquet, which a store takes in once."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from latprobe.store.parquet import FORMAT, FORMAT_VERSION, MANIFEST

_INTEGERS = (
    "start_ns", "duration_ns", "cpu_ns", "input_tokens", "output_tokens", "ttft_ns", "gap_p50_ns",
    "gap_p95_ns", "queue_ns", "prefill_ns", "decode_ns", "uncached_input_tokens",
    "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "time_ns", "started_ns",
)  # fmt: skip
_TYPES: dict[str, pa.DataType] = {
    **dict.fromkeys(_INTEGERS, pa.int64()),
    "run_id": pa.uint32(),
    "pid": pa.uint32(),
    "chunks": pa.uint32(),
    "cost_usd": pa.float64(),
    "value": pa.float64(),
    "remote_parent": pa.bool_(),
}

# What tables without rows have for columns.
_COLUMNS = {
    "events": ("trace_id", "span_id", "time_ns", "name"),
    "usage": ("trace_id", "span_id", "run_id", "start_ns", "stage", "origin"),
    "samples": ("time_ns", "source", "device", "pid", "run_id", "metric", "value"),
}


def write_folder(
    folder: Path,
    *,
    runs: Sequence[dict[str, Any]],
    spans: Sequence[dict[str, Any]],
    events: Sequence[dict[str, Any]] = (),
) -> None:
    """Rows with the store's column names, ids in hex; a column that a row has not is NULL there.

    Usage is left to the token pass of the store that takes them in.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = {"runs": runs, "spans": spans, "events": events, "usage": (), "samples": ()}
    for name, rows in tables.items():
        table = _table(rows, _COLUMNS.get(name, ()))
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
    manifest = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "created_ns": time.time_ns(),
        "rows": {name: len(rows) for name, rows in tables.items()},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest) + "\n", "utf-8")


def _table(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> pa.Table:
    names = dict.fromkeys([*columns, *(name for row in rows for name in row)])
    return pa.table(
        {
            name: pa.array([row.get(name) for row in rows], _TYPES.get(name, pa.string()))
            for name in names
        }
    )
