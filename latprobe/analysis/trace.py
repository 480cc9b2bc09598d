"""One request: its spans as a tree, with what each contributed."""

# ruff: noqa: A005  (always imported as latprobe.analysis.trace)

from __future__ import annotations

import gc
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from latprobe.analysis.critical_path import critical_ns
from latprobe.analysis.self_time import self_ns
from latprobe.analysis.spans import Spans
from latprobe.analysis.transport import ROLE
from latprobe.analysis.tree import Tree, build_tree
from latprobe.errors import NoDataError, UsageError
from latprobe.store.query import Query


@dataclass(frozen=True, slots=True)
class TraceEvent:
    """Something that happened within a span, at an absolute time."""

    time_ns: int
    name: str
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TraceSpan:
    """One span. `parent_id` is what was recorded; `depth` 0 is the root.

    `offset_ns` counts from the trace's start and is negative where clocks differ. `critical_ns`
    is the span's own part of the request's critical path. Ids are 16 hex digits.

    `carries` is the call whose time this span's own counts as, where it only carries one (an HTTP
    request below a model's call): then `self_ns` and `critical_ns` are 0, and `carried_ns` is the
    part of the critical path that it gave to the call.
    """

    span_id: str
    parent_id: str | None
    depth: int
    name: str
    modality: str | None
    kind: str
    status: str
    status_message: str | None
    start_ns: int
    offset_ns: int
    duration_ns: int
    self_ns: int
    critical_ns: int
    cpu_ns: int | None
    pid: int | None
    thread: str | None
    model: str | None
    input_tokens: int | None
    output_tokens: int | None
    ttft_ns: int | None
    chunks: int | None
    cost_usd: float | None
    error_type: str | None
    attributes: dict[str, Any]
    events: tuple[TraceEvent, ...]
    carries: str | None = None
    carried_ns: int = 0

    @property
    def is_waited_for(self) -> bool:
        """Whether the request waited for the span itself, whatever that time counts as."""
        return self.critical_ns + self.carried_ns > 0


@dataclass(frozen=True, slots=True)
class Trace:
    """One request; `start_ns` and `duration_ns` are its root's, `spans` in depth-first order.

    `usual_p50_ms` is the median of all requests whose root has the same name; None if this is
    the only one.
    """

    trace_id: str
    start_ns: int
    duration_ns: int
    service: str | None
    run_id: int
    spans: tuple[TraceSpan, ...]
    usual_p50_ms: float | None


def load_trace(query: Query, trace_id_prefix: str) -> Trace:
    """The trace whose id starts so. NoDataError if there is none, UsageError if it is unclear."""
    trace_id, first_ns, last_ns = _find(query, trace_id_prefix)
    table = query(_SPANS, [trace_id, first_ns, last_ns])
    spans = Spans.from_table(table)
    tree = build_tree(spans)
    root = table.slice(int(spans.row[tree.root[0]]), 1).to_pylist()[0]
    return Trace(
        trace_id=trace_id,
        start_ns=root["start_ns"],
        duration_ns=max(root["duration_ns"], 0),
        service=_service(query, root["run_id"]),
        run_id=root["run_id"],
        spans=_trace_spans(spans, tree, table, _events(query, trace_id)),
        usual_p50_ms=_usual(query, root["name"]),
    )


_SPANS = f"""
    SELECT 0 AS trace, s.*, {ROLE} AS role, format('{{:016x}}', s.span_id) AS id,
           format('{{:016x}}', s.parent_span_id) AS parent_id
    FROM spans s WHERE s.trace_id = ?::UUID
    AND s.start_ns BETWEEN ? AND ? ORDER BY s.start_ns, s.span_id
"""


def _find(query: Query, prefix: str) -> tuple[str, int, int]:
    """The full id and the first and last start in it: bounds make the next scan a short one."""
    digits = prefix.strip().lower().replace("-", "")
    if not re.fullmatch(r"[0-9a-f]{1,32}", digits):
        raise UsageError(
            f"{prefix!r} is not the start of a trace id. "
            "Write some of its 32 hex digits; `latprobe traces` lists them."
        )
    found = query(
        "SELECT replace(s.trace_id::VARCHAR, '-', '') AS trace_id, min(s.start_ns) AS first_ns, "
        "max(s.start_ns) AS last_ns FROM spans s "
        "WHERE s.trace_id BETWEEN ?::UUID AND ?::UUID GROUP BY s.trace_id ORDER BY 1 LIMIT 4",
        [digits.ljust(32, "0"), digits.ljust(32, "f")],
    ).to_pylist()
    if not found:
        raise NoDataError(f"No trace starts with {digits}. `latprobe traces` lists what there is.")
    if len(found) > 1:
        raise UsageError(
            f"Several traces start with {digits}: {', '.join(row['trace_id'] for row in found[:3])}"
            f"{', ...' if len(found) > 3 else ''}. Write more digits."
        )
    return found[0]["trace_id"], found[0]["first_ns"], found[0]["last_ns"]


# What a span has as it was recorded; span_id is the number by which events name it.
_RECORDED = (
    *("id", "parent_id", "name", "modality", "kind", "status", "status_message", "start_ns"),
    *("duration_ns", "cpu_ns", "pid", "thread", "model", "input_tokens", "output_tokens"),
    *("ttft_ns", "chunks", "cost_usd", "error_type", "attributes", "span_id"),
)


def _trace_spans(
    spans: Spans, tree: Tree, table: pa.Table, events: dict[int, list[TraceEvent]]
) -> tuple[TraceSpan, ...]:
    own, waited = self_ns(spans, tree), critical_ns(spans, tree)
    critical, carried = tree.credited(waited), np.zeros_like(waited)
    carried[tree.transport] = waited[tree.transport]
    calls: list[str | None] = [None] * len(spans)
    for row in tree.transport.tolist():
        calls[row] = f"{spans.span_id[tree.owner[row]]:016x}"
    rows, depths = (np.array(each, np.int64) for each in zip(*_depth_first(tree), strict=True))
    ordered = table.select(_RECORDED).take(pa.array(spans.row[rows]))
    trace_start = int(spans.start_ns[tree.root[0]])
    # Column by column: a dict a row takes three times as long.
    columns = [ordered[name].to_pylist() for name in _RECORDED]
    figures = (depths.tolist(), *(each[rows].tolist() for each in (own, critical, carried)))
    calls = [calls[row] for row in rows.tolist()]
    with _without_collector():
        return tuple(
            _trace_span(*row, trace_start_ns=trace_start, events=events)
            for row in zip(*figures, calls, *columns, strict=True)
        )


@contextmanager
def _without_collector() -> Iterator[None]:
    """While many objects are made that all stay, looking for garbage takes most of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _depth_first(tree: Tree) -> list[tuple[int, int]]:
    """(row, depth) of one trace's spans; children in the order of their starts."""
    children: dict[int, list[int]] = {}
    for row in np.flatnonzero(tree.parent >= 0)[::-1].tolist():
        children.setdefault(int(tree.parent[row]), []).append(row)
    ordered: list[tuple[int, int]] = []
    stack = [(int(tree.root[0]), 0)]
    while stack:
        row, depth = stack.pop()
        ordered.append((row, depth))
        stack.extend((child, depth + 1) for child in children.get(row, ()))
    return ordered


def _trace_span(
    depth: int,
    own_ns: int,
    critical: int,
    carried: int,
    carries: str | None,
    span_id: str,
    parent_id: str | None,
    name: str,
    modality: str | None,
    kind: str,
    status: str,
    status_message: str | None,
    start_ns: int,
    duration_ns: int,
    *recorded: Any,
    trace_start_ns: int,
    events: dict[int, list[TraceEvent]],
) -> TraceSpan:
    cpu_ns, pid, thread, model, tokens_in, tokens_out, ttft_ns, *rest = recorded
    chunks, cost_usd, error_type, attributes, number = rest
    return TraceSpan(
        span_id,
        parent_id,
        depth,
        name,
        modality,
        kind,
        status,
        status_message,
        start_ns,
        start_ns - trace_start_ns,
        max(duration_ns, 0),
        own_ns,
        critical,
        cpu_ns,
        pid,
        thread,
        model,
        tokens_in,
        tokens_out,
        ttft_ns,
        chunks,
        cost_usd,
        error_type,
        _attributes(attributes),
        tuple(events.get(number, ())),
        carries,
        carried,
    )


def _events(query: Query, trace_id: str) -> dict[int, list[TraceEvent]]:
    table: pa.Table = query(
        "SELECT span_id, time_ns, name, attributes FROM events "
        "WHERE trace_id = ?::UUID ORDER BY time_ns",
        [trace_id],
    )
    found: dict[int, list[TraceEvent]] = {}
    for row in table.to_pylist():
        event = TraceEvent(row["time_ns"], row["name"], _attributes(row["attributes"]))
        found.setdefault(row["span_id"], []).append(event)
    return found


def _attributes(text: str | None) -> dict[str, Any]:
    if not text:
        return {}
    value = json.loads(text)
    return value if isinstance(value, dict) else {"value": value}


def _service(query: Query, run_id: int) -> str | None:
    found = query("SELECT service FROM runs WHERE run_id = ?", [run_id])["service"].to_pylist()
    return found[0] if found else None


def _usual(query: Query, name: str) -> float | None:
    row = query(
        "SELECT quantile_cont(s.duration_ns, 0.5) AS p50, count(*) AS count FROM spans s "
        "WHERE s.name = ? AND s.parent_span_id IS NULL",
        [name],
    ).to_pylist()[0]
    return row["p50"] / 1e6 if row["count"] > 1 else None
