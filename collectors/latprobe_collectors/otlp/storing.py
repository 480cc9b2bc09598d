"""Received rows into the store, each span once."""

from __future__ import annotations

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from latprobe.store.ingest import insert_table
from latprobe.store.runs import Runs
from latprobe_collectors.otlp.rows import ReceivedRows

# A span that is sent again has the same start; this is for senders that changed their mind.
_AROUND_NS = 60 * 1_000_000_000


def store_rows(
    con: duckdb.DuckDBPyConnection, runs: Runs, sequence: int, rows: ReceivedRows
) -> int:
    """Adds the spans that are not in the store yet, within a transaction; gives back how many."""
    if not rows.spans.num_rows:
        return 0
    starts = rows.spans.column("start_ns").to_numpy()
    numbers = np.array(
        [
            runs.number_of(
                con,
                run.key,
                lambda run=run, i=i: {  # type: ignore[misc]  # bound now, called now
                    **run.values,
                    "started_ns": int(starts[rows.run_of == i].min()),
                },
            )
            for i, run in enumerate(rows.runs)
        ],
        np.uint32,
    )[rows.run_of]
    is_new = ~_known(con, rows.spans, starts)
    spans = rows.spans.append_column("run_id", pa.array(numbers)).append_column(
        "ingest_seq", pa.array(np.full(len(numbers), sequence, np.uint32))
    )
    insert_table(con, "spans", [_only(spans, is_new)])
    insert_table(con, "events", [_only(rows.events, is_new[rows.event_rows])])
    return int(is_new.sum())


def _known(
    con: duckdb.DuckDBPyConnection, spans: pa.Table, starts: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Which spans the store has already, looked for around the time of the new ones."""
    first = max(int(starts.min()) - _AROUND_NS, 0)
    last = min(int(starts.max()) + _AROUND_NS, (1 << 63) - 1)
    ids = spans.select(["trace_id", "span_id"]).append_column(
        "row", pa.array(np.arange(len(spans), dtype=np.int64))
    )
    con.register("received", ids)
    try:
        found = con.execute(
            "SELECT DISTINCT received.row FROM spans "
            "JOIN received ON spans.span_id = received.span_id "
            "AND spans.trace_id = received.trace_id "
            "WHERE spans.start_ns BETWEEN ? AND ?",
            [first, last],
        ).fetchall()
    finally:
        con.unregister("received")
    known = np.zeros(len(spans), np.bool_)
    known[[row for (row,) in found]] = True
    return known


def _only(table: pa.Table, wanted: npt.NDArray[np.bool_]) -> pa.Table:
    return table if wanted.all() else table.filter(pa.array(wanted))
