"""Spans as the exports take them: whole, with events, links and usage, a bounded page at a time."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Protocol

from latprobe.store.query import Query

PAGE_SPANS = 10_000

# Orders to read spans in, each unique and continued by the last span's values.
ARRIVAL = ("s.ingest_seq", "s.trace_id", "s.span_id")
TIME = ("s.start_ns", "-s.duration_ns", "s.trace_id", "s.span_id")


class SpanFilter(Protocol):
    """latprobe.analysis.scope.Scope."""

    def where(self) -> tuple[str, list[object]]:
        """A condition over the alias s of `spans`, and its parameters."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened within a span; the time is ns since the epoch."""

    time_ns: int
    name: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Link:
    """Another span that this one is about; ids in hex."""

    trace_id: str
    span_id: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """A row of `runs`. `run_uuid` is 32 hex digits."""

    run_id: int
    run_uuid: str
    service: str
    version: str | None
    git_commit: str | None
    host: str | None
    platform: str | None
    python: str | None
    latprobe: str | None
    resource: Mapping[str, Any]


class StoredSpan(NamedTuple):
    """A row of `spans` with what belongs to it. `trace_id` is 32 hex digits.

    A tuple, since a frozen dataclass of this many fields takes 10 us to make.
    """

    trace_id: str
    span_id: int
    parent_span_id: int | None
    run_id: int
    ingest_seq: int
    name: str
    kind: str
    status: str
    start_ns: int
    duration_ns: int
    cpu_ns: int | None
    pid: int | None
    thread: str | None
    modality: str | None
    scope: str | None
    remote_parent: bool | None
    status_message: str | None
    error_type: str | None
    operation: str | None
    provider: str | None
    model: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    ttft_ns: int | None
    chunks: int | None
    gap_p50_ns: int | None
    gap_p95_ns: int | None
    queue_ns: int | None
    prefill_ns: int | None
    decode_ns: int | None
    attributes: Mapping[str, Any]
    links: tuple[Link, ...]
    events: tuple[Event, ...]
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None


_USAGE = ("cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
_COLUMNS = tuple(name for name in StoredSpan._fields if name not in {"events", *_USAGE})
_RUN_COLUMNS = tuple(f.name for f in fields(Run))
_Key = tuple[str, int]


def read_runs(query: Query) -> dict[int, Run]:
    """All runs by their number."""
    rows = query(f"SELECT {', '.join(_RUN_COLUMNS)} FROM runs").to_pylist()
    return {row["run_id"]: _run(row) for row in rows}


def read_spans(
    query: Query,
    scope: SpanFilter | None = None,
    *,
    order: Sequence[str] = TIME,
    page_spans: int = PAGE_SPANS,
) -> Iterator[list[StoredSpan]]:
    """The spans in `scope` (None: all) in pages that fit in memory."""
    where, parameters = scope.where() if scope is not None else ("TRUE", [])
    after: tuple[object, ...] | None = None
    while True:
        page = read_page(
            query, order=order, after=after, where=where, parameters=parameters, limit=page_spans
        )
        if page:
            yield page
        if len(page) < page_spans:
            return
        last = page[-1]
        after = (
            (last.ingest_seq, last.trace_id, last.span_id)
            if order is ARRIVAL
            else (last.start_ns, -last.duration_ns, last.trace_id, last.span_id)
        )


def read_page(
    query: Query,
    *,
    order: Sequence[str],
    after: Sequence[object] | None,
    where: str = "TRUE",
    parameters: Sequence[object] = (),
    limit: int,
) -> list[StoredSpan]:
    """At most `limit` spans, the first ones after the key `after` in `order`."""
    values = list(parameters)
    if after is not None:
        marks = ", ".join("?::UUID" if key.endswith("trace_id") else "?" for key in order)
        # The first test is implied by the second, but only it lets DuckDB skip row groups.
        where = f"({where}) AND {order[0]} >= ? AND ({', '.join(order)}) > ({marks})"
        values += [after[0], *after]
    columns = ", ".join(f"s.{name}" for name in _COLUMNS)
    rows = query(
        f"SELECT {columns} FROM spans s WHERE {where} ORDER BY {', '.join(order)} LIMIT {limit}",
        values,
    ).to_pylist()
    if not rows:
        return []
    for row in rows:
        row["trace_id"] = plain_hex(row["trace_id"])
    events = _read_events(query, sorted({row["trace_id"] for row in rows}))
    starts = [row["start_ns"] for row in rows]
    usage = _read_usage(query, min(starts), max(starts))
    return [_span(row, events, usage) for row in rows]


def plain_hex(value: Any) -> str:
    """A UUID as 32 hex digits, however the query gave it."""
    return value.hex if isinstance(value, uuid.UUID) else str(value).replace("-", "")


def loaded(text: str | None) -> Mapping[str, Any]:
    """A JSON object of the store; empty for NULL."""
    value = json.loads(text) if text else {}
    return value if isinstance(value, dict) else {}


def _read_events(query: Query, traces: list[str]) -> dict[_Key, list[Event]]:
    table = query(
        "SELECT trace_id, span_id, time_ns, name, attributes FROM events "
        "WHERE trace_id IN (SELECT unnest(?::UUID[])) ORDER BY time_ns",
        [traces],
    )
    found: dict[_Key, list[Event]] = defaultdict(list)
    for row in table.to_pylist():
        event = Event(row["time_ns"], row["name"], loaded(row["attributes"]))
        found[plain_hex(row["trace_id"]), row["span_id"]].append(event)
    return found


def _read_usage(query: Query, first_ns: int, last_ns: int) -> dict[_Key, dict[str, Any]]:
    """Usage rows start when their spans do."""
    rows = query(
        f"SELECT trace_id, span_id, {', '.join(_USAGE)} FROM usage "
        "WHERE start_ns BETWEEN ? AND ? "
        f"AND coalesce({', '.join(_USAGE)}) IS NOT NULL",
        [first_ns, last_ns],
    ).to_pylist()
    return {
        (plain_hex(row["trace_id"]), row["span_id"]): {name: row[name] for name in _USAGE}
        for row in rows
    }


_NO_USAGE: dict[str, Any] = dict.fromkeys(_USAGE)


def _span(
    row: dict[str, Any],
    events: Mapping[_Key, list[Event]],
    usage: Mapping[_Key, dict[str, Any]],
) -> StoredSpan:
    key = row["trace_id"], row["span_id"]
    row["attributes"] = loaded(row["attributes"])
    row["links"] = tuple(_links(row["links"]))
    return StoredSpan(**row, events=tuple(events.get(key, ())), **usage.get(key, _NO_USAGE))


def _links(text: str | None) -> Iterator[Link]:
    for link in json.loads(text) if text else ():
        yield Link(link["trace_id"], link["span_id"], link.get("attributes") or {})


def _run(row: dict[str, Any]) -> Run:
    row["run_uuid"] = plain_hex(row["run_uuid"])
    row["resource"] = loaded(row["resource"])
    return Run(**row)
