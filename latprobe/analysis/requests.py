"""The requests in a scope: one row a trace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from latprobe.analysis.roots import ROOTS, roots_sql
from latprobe.analysis.scope import Scope
from latprobe.analysis.spans import Ints
from latprobe.analysis.transport import IS_BARE, ROLE
from latprobe.store.query import Query

# Memory is bounded by one batch of spans, whatever the store holds.
BATCH_TRACES = 20_000
BATCH_SPANS = 400_000

# Unless said otherwise critical paths are computed on an even sample with about so many spans.
SAMPLE_SPANS = 200_000


@dataclass(frozen=True, slots=True)
class Requests:
    """Columns, one row a trace, by the root's start. `spans` counts all of the trace's spans.

    `first_ns` and `last_ns` are the earliest and the latest start of a span in the trace, `run` is
    the run of its root.
    """

    trace_id: tuple[str, ...]
    start_ns: Ints
    duration_ns: Ints
    is_error: NDArray[np.bool_]
    spans: Ints
    first_ns: Ints
    last_ns: Ints
    run: Ints

    def __len__(self) -> int:
        return len(self.trace_id)

    def take(self, rows: Ints) -> Requests:
        """The same columns at these rows."""
        return Requests(
            tuple(self.trace_id[row] for row in rows.tolist()),
            self.start_ns[rows],
            self.duration_ns[rows],
            self.is_error[rows],
            self.spans[rows],
            self.first_ns[rows],
            self.last_ns[rows],
            self.run[rows],
        )


def requests_sql(scope: Scope) -> tuple[str, list[object]]:
    """SELECT giving what `roots_sql` does of each request in the scope, with what its trace holds:
    `spans` of them, the first of which began at first_ns and the last at last_ns."""
    roots, parameters = roots_sql(scope)
    only = "WHERE s.trace_id IN (SELECT r.trace_id FROM wanted r)" if parameters else ""
    sql = f"""
        WITH wanted AS MATERIALIZED ({roots}), held AS (
            SELECT s.trace_id, count(*) AS spans, min(s.start_ns) AS first_ns,
                   max(s.start_ns) AS last_ns
            FROM spans s {only} GROUP BY s.trace_id)
        SELECT r.*, h.* EXCLUDE (trace_id) FROM wanted r JOIN held h ON h.trace_id = r.trace_id"""
    return sql, parameters


def count_unfinished(query: Query, scope: Scope) -> int:
    """Traces with a span in the scope whose root had not ended when last looked at, or never."""
    where, parameters = scope.where()
    table = query(
        f"""
        WITH {ROOTS}, touched AS (SELECT DISTINCT s.trace_id FROM spans s WHERE {where})
        SELECT count(*) AS count FROM touched t ANTI JOIN roots r ON r.trace_id = t.trace_id""",
        parameters,
    )
    return int(table["count"][0].as_py())


def count_bare(query: Query, scope: Scope) -> int:
    """Requests in the scope that are nothing but a client's call (an HTTP request as a program
    starts), outside every stage."""
    where, parameters = scope.where()
    table = query(
        f"""
        SELECT count(*) AS count FROM spans s WHERE {IS_BARE} AND {where} AND NOT EXISTS (
            SELECT 1 FROM spans o WHERE o.trace_id = s.trace_id AND o.parent_span_id IS NULL
            AND o.span_id <> s.span_id)""",
        parameters,
    )
    return int(table["count"][0].as_py())


def fetch_requests(query: Query, scope: Scope) -> Requests:
    """The requests that start in the scope's window and have a span in the scope."""
    sql, parameters = requests_sql(scope)
    table = query(
        f"SELECT trace_id::VARCHAR AS trace_id, start_ns, duration_ns, status, spans, first_ns, "
        f"last_ns, run_id::BIGINT AS run_id FROM ({sql}) ORDER BY start_ns, trace_id",
        parameters,
    )

    def column(name: str) -> Ints:
        return np.asarray(table[name].to_numpy()).astype(np.int64, copy=False)

    return Requests(
        trace_id=tuple(table["trace_id"].to_pylist()),
        start_ns=column("start_ns"),
        duration_ns=np.maximum(column("duration_ns"), 0),
        is_error=np.asarray(table["status"].to_numpy() == "error"),
        spans=column("spans"),
        first_ns=column("first_ns"),
        last_ns=column("last_ns"),
        run=column("run_id"),
    )


def even_sample(requests: Requests, max_traces: int | None) -> Requests:
    """At most `max_traces`, evenly spaced in the order of their starts.

    None means all while they have at most 200,000 spans together, else the share that has.
    """
    count = len(requests)
    if max_traces is None:
        spans = int(requests.spans.sum())
        max_traces = count if spans <= SAMPLE_SPANS else max(1, count * SAMPLE_SPANS // spans)
    if count <= max_traces:
        return requests
    return requests.take(np.arange(max_traces, dtype=np.int64) * count // max_traces)


def fetch_batches(query: Query, requests: Requests) -> Iterator[tuple[Requests, pa.Table]]:
    """All spans of the requests, in batches; `trace` is the row within the batch's requests."""
    batch = np.cumsum(requests.spans) // BATCH_SPANS
    batch = np.maximum(batch, np.arange(len(requests)) // BATCH_TRACES)
    for rows in np.split(np.arange(len(requests)), np.flatnonzero(np.diff(batch)) + 1):
        part = requests.take(rows)
        if len(part):
            bounds = int(part.first_ns.min()), int(part.last_ns.max())
            yield part, fetch_spans(query, part.trace_id, *bounds)


# One text parameter: lists do not travel through every Query.
_WANTED = """
    ids AS (SELECT string_split(?, ',') AS l),
    wanted AS (SELECT unnest(l)::UUID AS trace_id, generate_subscripts(l, 1) - 1 AS trace FROM ids)
"""
_SPAN_COLUMNS = f"""
    s.span_id, s.parent_span_id, s.start_ns, s.duration_ns, s.name, s.modality, s.status, s.cpu_ns,
    s.pid, s.thread, s.chunks, {ROLE} AS role
"""


def fetch_spans(query: Query, trace_ids: Sequence[str], first_ns: int, last_ns: int) -> pa.Table:
    """The spans of these traces that start in the time; `trace` is the place in `trace_ids`."""
    return query(
        f"""
        WITH {_WANTED} SELECT w.trace, {_SPAN_COLUMNS}
        FROM spans s JOIN wanted w USING (trace_id)
        WHERE s.start_ns BETWEEN ? AND ?
        """,
        [",".join(trace_ids), first_ns, last_ns],
    )


def fetch_drawn_spans(
    query: Query, trace_ids: Sequence[str], first_ns: int, last_ns: int
) -> pa.Table:
    """What `fetch_spans` does, for traces that are in the store's `drawn_spans`."""
    return query(
        f"""
        WITH {_WANTED} SELECT w.trace, {_SPAN_COLUMNS}
        FROM drawn_spans s JOIN wanted w USING (trace_id)
        WHERE s.start_ns BETWEEN ? AND ?
        """,
        [",".join(trace_ids), first_ns, last_ns],
    )


def fetch_scattered_spans(
    query: Query, trace_ids: Sequence[str], first_ns: int, last_ns: int
) -> pa.Table:
    """What `fetch_spans` does, for traces that are few among many others: which rows they are is
    found by the traces' ids alone, and of all other columns only these rows are unpacked. Of 600 of
    500,000 traces that took half the time."""
    return query(
        f"""
        WITH {_WANTED}, found AS MATERIALIZED (
            SELECT w.trace, s.rowid AS place FROM spans s JOIN wanted w USING (trace_id)
            WHERE s.start_ns BETWEEN ? AND ?
        )
        SELECT f.trace, {_SPAN_COLUMNS} FROM spans s JOIN found f ON s.rowid = f.place
        """,
        [",".join(trace_ids), first_ns, last_ns],
    )
