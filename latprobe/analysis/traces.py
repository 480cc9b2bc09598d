"""Lists of requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from latprobe.analysis.critical_path import critical_ns
from latprobe.analysis.requests import requests_sql
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.analysis.spans import Spans
from latprobe.analysis.tokens import COUNTED_USAGE
from latprobe.analysis.tree import build_tree
from latprobe.errors import UsageError
from latprobe.store.query import Query

Order = Literal["recent", "slowest", "tokens", "errors"]

_ORDERS = {
    "recent": "start_ns DESC, trace_id",
    "slowest": "duration_ns DESC, start_ns DESC, trace_id",
    "tokens": "coalesce(input_tokens, 0) + coalesce(output_tokens, 0) DESC, "
    "start_ns DESC, trace_id",
    "errors": "errors DESC, start_ns DESC, trace_id",
}


@dataclass(frozen=True, slots=True)
class TraceRow:
    """One request. `name` and times are its root's, `errors` counts its failed spans.

    `slowest_stage` has the largest part of the critical path. Tokens count each model call once.
    """

    trace_id: str
    name: str
    start_ns: int
    duration_ms: float
    spans: int
    errors: int
    input_tokens: int | None
    output_tokens: int | None
    service: str | None
    slowest_stage: str | None


def list_traces(
    query: Query, scope: Scope = EVERYTHING, *, order: Order = "recent", limit: int = 50
) -> list[TraceRow]:
    """The first `limit` requests in the scope by this order."""
    if order not in get_args(Order):
        raise UsageError(f"Order {order!r} is not known. Write one of {', '.join(_ORDERS)}.")
    sql, parameters = requests_sql(scope)
    first = f"ORDER BY {_ORDERS[order]} LIMIT {int(limit)}"
    # Tokens are summed before the cut only when they decide it.
    early, late = ("", first) if order == "tokens" else (first, f"ORDER BY {_ORDERS[order]}")
    rows = query(
        f"""
        WITH RECURSIVE wanted AS (SELECT * FROM ({sql}) {early}), {COUNTED_USAGE},
        tokens AS (SELECT trace_id, sum(input_tokens)::BIGINT AS input_tokens,
                          sum(output_tokens)::BIGINT AS output_tokens
                   FROM counted_usage GROUP BY trace_id)
        SELECT replace(trace_id::VARCHAR, '-', '') AS trace_id, name, start_ns,
               greatest(duration_ns, 0) / 1e6 AS duration_ms, spans, errors,
               input_tokens, output_tokens, service, first_ns, last_ns
        FROM wanted LEFT JOIN tokens USING (trace_id) LEFT JOIN runs USING (run_id)
        {late}""",
        parameters,
    ).to_pylist()
    if not rows:
        return []
    bounds = min(row.pop("first_ns") for row in rows), max(row.pop("last_ns") for row in rows)
    stages = _slowest_stages(query, [row["trace_id"] for row in rows], bounds)
    return [TraceRow(**row, slowest_stage=stage) for row, stage in zip(rows, stages, strict=True)]


def _slowest_stages(
    query: Query, trace_ids: list[str], bounds: tuple[int, int]
) -> list[str | None]:
    table = query(
        """
        WITH ids AS (SELECT string_split(?, ',') AS l),
             wanted AS (SELECT unnest(l)::UUID AS trace_id,
                               generate_subscripts(l, 1) - 1 AS trace FROM ids)
        SELECT w.trace, s.span_id, s.parent_span_id, s.start_ns, s.duration_ns, s.name
        FROM spans s JOIN wanted w USING (trace_id) WHERE s.start_ns BETWEEN ? AND ?
        """,
        [",".join(trace_ids), *bounds],
    )
    spans = Spans.from_table(table)
    critical = critical_ns(spans, build_tree(spans))
    found: list[str | None] = [None] * len(trace_ids)
    for rows in spans.traces():
        sums = np.bincount(spans.name[rows], critical[rows], minlength=len(spans.names))
        if sums.any():
            found[int(spans.trace[rows.start])] = spans.names[int(sums.argmax())]
    return found
