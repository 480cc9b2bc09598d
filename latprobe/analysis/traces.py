"""Lists of requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from latprobe.analysis.call_table import CallTable
from latprobe.analysis.critical_path import critical_ns
from latprobe.analysis.requests import fetch_scattered_spans
from latprobe.analysis.root_table import RootTable, knows, longest, newest
from latprobe.analysis.roots import roots_sql
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.analysis.spans import Ints, Spans
from latprobe.analysis.tokens import COUNTED_USAGE
from latprobe.analysis.tree import build_tree
from latprobe.errors import NoDataError, UsageError
from latprobe.store.query import Query

Order = Literal["recent", "slowest", "tokens", "errors"]

# Over the roots `w`; what an order needs beyond them is in the next two.
_ORDERS = {
    "recent": "w.start_ns DESC, w.trace_id",
    "slowest": "w.duration_ns DESC, w.start_ns DESC, w.trace_id",
    "tokens": "coalesce(t.tokens, 0) DESC, w.start_ns DESC, w.trace_id",
    "errors": "coalesce(f.errors, 0) DESC, w.start_ns DESC, w.trace_id",
}
_ORDERED_BY = {
    "tokens": f""", {COUNTED_USAGE}, tokens AS (
        SELECT trace_id, sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) AS tokens
        FROM counted_usage GROUP BY trace_id)""",
    "errors": """, failures AS (
        SELECT s.trace_id, count(*) AS errors FROM spans s
        WHERE s.status = 'error' GROUP BY s.trace_id)""",
}
_ORDER_JOINS = {
    "tokens": "LEFT JOIN tokens t USING (trace_id)",
    "errors": "LEFT JOIN failures f USING (trace_id)",
}
_ALL_TIME = (-(2**63), 2**63 - 1)
_NO_TOKENS = (None, None)
_BY_ROOT = {"slowest": longest, "recent": newest}


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
    return _described(query, _first_roots(query, scope, order, int(limit)))


def named_trace(query: Query, wanted: str) -> str:
    """The id of the `latest` or the `slowest` request; anything else is taken as an id's start."""
    orders: dict[str, Order] = {"latest": "recent", "slowest": "slowest"}
    if wanted not in orders:
        return wanted
    found = list_traces(query, order=orders[wanted], limit=1)
    if not found:
        raise NoDataError("No request is recorded yet; run one with `latprobe run -- CMD`.")
    return found[0].trace_id


def first_traces(
    query: Query,
    roots: RootTable,
    scope: Scope,
    *,
    order: Order,
    limit: int,
    calls: CallTable | None = None,
) -> list[TraceRow]:
    """`list_traces` where the roots are at hand already, without a look at all the others."""
    if order not in _BY_ROOT or not knows(scope):
        return list_traces(query, scope, order=order, limit=limit)
    return described(query, roots, _BY_ROOT[order](roots, roots.rows(scope), limit), calls=calls)


def described(
    query: Query, roots: RootTable, rows: Ints, *, calls: CallTable | None = None
) -> list[TraceRow]:
    """The requests at these rows, in their order. Their tokens are asked for unless the calls are
    at hand."""
    names = roots.name.take(pa.array(rows)).to_pylist()
    found = [
        {
            "trace_id": trace_id,
            "name": name,
            "start_ns": int(roots.start_ns[row]),
            "duration_ns": int(roots.duration_ns[row]),
            "service": roots.services.get(int(roots.run_id[row])),
        }
        for row, trace_id, name in zip(rows.tolist(), roots.ids(rows), names, strict=True)
    ]
    if calls is None:
        return _described(query, found)
    by_draw = calls.tokens(roots.draw[rows])
    return _described(
        query,
        found,
        tokens={
            row["trace_id"]: by_draw.get(draw, _NO_TOKENS)
            for row, draw in zip(found, roots.draw[rows].tolist(), strict=True)
        },
    )


_Tokens = dict[str, tuple[int | None, int | None]]


def _described(
    query: Query, rows: list[dict[str, Any]], *, tokens: _Tokens | None = None
) -> list[TraceRow]:
    """What the spans and calls of these roots' traces add to them."""
    if not rows:
        return []
    spans = fetch_scattered_spans(query, [row["trace_id"] for row in rows], *_ALL_TIME)
    counts = _counts(spans, len(rows))
    tokens = _tokens(query, rows) if tokens is None else tokens
    stages = _slowest_stages(spans, len(rows))
    return [
        TraceRow(
            trace_id=row["trace_id"].replace("-", ""),
            name=row["name"],
            start_ns=row["start_ns"],
            duration_ms=row["duration_ns"] / 1e6,
            spans=counts[at][0],
            errors=counts[at][1],
            input_tokens=tokens.get(row["trace_id"], _NO_TOKENS)[0],
            output_tokens=tokens.get(row["trace_id"], _NO_TOKENS)[1],
            service=row["service"],
            slowest_stage=stages[at],
        )
        for at, row in enumerate(rows)
    ]


def _first_roots(query: Query, scope: Scope, order: Order, limit: int) -> list[dict[str, Any]]:
    """The roots that come first, their spans not looked at unless the order asks for it."""
    roots, parameters = roots_sql(scope)
    found: list[dict[str, Any]] = query(
        f"""
        WITH RECURSIVE wanted AS MATERIALIZED ({roots}) {_ORDERED_BY.get(order, "")},
        first_ones AS (
            SELECT w.* FROM wanted w {_ORDER_JOINS.get(order, "")}
            ORDER BY {_ORDERS[order]} LIMIT {limit}
        )
        SELECT w.trace_id::VARCHAR AS trace_id, w.name, w.start_ns, w.duration_ns, r.service
        FROM first_ones w LEFT JOIN runs r USING (run_id) {_ORDER_JOINS.get(order, "")}
        ORDER BY {_ORDERS[order]}""",
        parameters,
    ).to_pylist()
    return found


def _counts(table: pa.Table, traces: int) -> list[tuple[int, int]]:
    """Per trace its spans and how many of them failed."""
    trace = table["trace"].to_numpy()
    failed = np.asarray(pc.equal(table["status"], "error"))
    spans = np.bincount(trace, minlength=traces)
    errors = np.bincount(trace[failed], minlength=traces)
    return list(zip(spans.tolist(), errors.tolist(), strict=True))


def _tokens(query: Query, rows: list[dict[str, Any]]) -> _Tokens:
    # The rule looks at `spans`: here it sees those of the traces in question alone.
    found = query(
        f"""
        WITH RECURSIVE wanted AS MATERIALIZED (
            SELECT unnest(string_split(?, ','))::UUID AS trace_id
        ), spans AS MATERIALIZED (
            SELECT s.trace_id, s.span_id, s.parent_span_id FROM main.spans s
            WHERE s.trace_id IN (SELECT trace_id FROM wanted)
        ), {COUNTED_USAGE}
        SELECT trace_id::VARCHAR AS trace_id, sum(input_tokens)::BIGINT AS input_tokens,
               sum(output_tokens)::BIGINT AS output_tokens
        FROM counted_usage GROUP BY trace_id""",
        [",".join(row["trace_id"] for row in rows)],
    ).to_pylist()
    return {row["trace_id"]: (row["input_tokens"], row["output_tokens"]) for row in found}


def _slowest_stages(table: pa.Table, traces: int) -> list[str | None]:
    spans = Spans.from_table(table)
    tree = build_tree(spans)
    critical = tree.credited(critical_ns(spans, tree))
    found: list[str | None] = [None] * traces
    for rows in spans.traces():
        sums = np.bincount(spans.name[rows], critical[rows], minlength=len(spans.names))
        if sums.any():
            found[int(spans.trace[rows.start])] = spans.names[int(sums.argmax())]
    return found
