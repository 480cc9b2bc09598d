"""Requests as columns: each span is walked once, Arrow makes the columns of many requests."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from latprobe.otel.names import CHUNK_EVENTS
from latprobe.otel.scopes import scope_text
from latprobe.otel.semconv import promote
from latprobe.store.columns import UNKNOWN_NAME
from latprobe_collectors.otlp.messages import Request
from latprobe_collectors.otlp.resources import Run, read_run
from latprobe_collectors.otlp.values import mapping, plain

MAX_NAME = 1024
_NO_SPAN = bytes(8)
# Bits of Span.flags: whether the parent's process is known, and whether it is another one.
HAS_REMOTE = 0x100
IS_REMOTE = 0x200


class Event(NamedTuple):
    """A span's event; `row` is the span's."""

    row: int
    time_ns: int
    name: str
    attributes: bytes | None


@dataclass(slots=True)
class SpanColumns:
    """Spans of many requests, a list a column. `ids` are 24 bytes each: trace id, span id.

    Spans whose ids are here already are left out, and counted in `repeated`.
    """

    ids: list[bytes] = field(default_factory=list)
    parents: list[bytes] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    kinds: array[int] = field(default_factory=lambda: array("i"))
    statuses: array[int] = field(default_factory=lambda: array("i"))
    starts: array[int] = field(default_factory=lambda: array("q"))
    durations: array[int] = field(default_factory=lambda: array("q"))
    flags: array[int] = field(default_factory=lambda: array("I"))
    messages: list[str | None] = field(default_factory=list)
    threads: list[str | None] = field(default_factory=list)
    # What `promote` gives without `rest`: keeping the attributes' text would double the memory.
    said: list[tuple[Any, ...]] = field(default_factory=list)
    attributes: list[bytes | None] = field(default_factory=list)
    links: dict[int, bytes] = field(default_factory=dict)
    error_types: dict[int, str] = field(default_factory=dict)
    # Of spans with events that mark chunks: when they came, ns after the span's start.
    chunks: dict[int, list[int]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    # Of each group of spans: its run, its scope, and the row after its last.
    groups: list[tuple[Run, str | None, int]] = field(default_factory=list)
    repeated: int = 0
    _seen: set[bytes] = field(default_factory=set)
    _runs: dict[bytes, Run] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, request: Request) -> None:
        """Takes the spans of a request in; they were found usable before."""
        for resource_spans in request.resource_spans:
            run = None
            for scope_spans in resource_spans.scope_spans:
                if not scope_spans.spans:
                    continue
                run = run or self._run(resource_spans.resource)
                scope = scope_spans.scope
                self._add_spans(scope_spans.spans, _scope_attributes(scope))
                named = scope_text(scope.name, scope.version) or None
                self.groups.append((run, named, len(self.ids)))

    def _run(self, resource: Any) -> Run:
        key = resource.SerializeToString()
        run = self._runs.get(key)
        if run is None:
            run = self._runs[key] = read_run(resource)
        return run

    def _add_spans(self, spans: Iterable[Any], of_scope: dict[str, object]) -> None:
        # One loop with everything in place: a call costs as much as most of the work here.
        seen = self._seen
        ids, parents, names = self.ids.append, self.parents.append, self.names.append
        starts, durations, said = self.starts.append, self.durations.append, self.said.append
        kinds, statuses, flags = self.kinds.append, self.statuses.append, self.flags.append
        messages, threads = self.messages.append, self.threads.append
        texts, dumps = self.attributes.append, orjson.dumps
        tail = b"," + dumps(of_scope)[1:] if of_scope else None
        for span in spans:
            key = span.trace_id + span.span_id
            if key in seen:
                self.repeated += 1
                continue
            seen.add(key)
            attributes: dict[str, object] = {}
            for pair in span.attributes:  # as `mapping`
                value = pair.value
                attributes[pair.key] = value.string_value or value.int_value or plain(value)
            promoted = promote(attributes)
            rest = promoted[0]
            start, end = span.start_time_unix_nano, span.end_time_unix_nano
            if end < start or span.trace_state or span.dropped_attributes_count:
                rest = {**rest, **_unusual(span, start, end)}
            if span.events or span.links:
                self._add_details(len(self.ids), span, start)
            ids(key)
            parents(span.parent_span_id or _NO_SPAN)
            name = span.name
            names(name if 0 < len(name) <= MAX_NAME else _named(name))
            kinds(span.kind)
            status = span.status
            statuses(status.code)
            messages(status.message or None)
            starts(start)
            durations(end - start if end > start else 0)
            flags(span.flags)
            threads(_text(rest.get("thread.name")) if "thread.name" in rest else None)
            said(promoted[1:])
            if rest and tail:
                texts(dumps(rest)[:-1] + tail)
            else:
                texts(_json(rest or of_scope))

    def _add_details(self, row: int, span: Any, start: int) -> None:
        for event in span.events:
            attributes = mapping(event.attributes)
            time_ns = min(event.time_unix_nano, (1 << 63) - 1)
            if event.name == "exception":
                error_type = _text(attributes.get("exception.type"))
                if error_type is not None:
                    self.error_types[row] = error_type
            elif event.name in CHUNK_EVENTS and time_ns >= start:
                self.chunks.setdefault(row, []).append(time_ns - start)
            self.events.append(Event(row, time_ns, event.name, _json(attributes)))
        links = [
            {
                "trace_id": link.trace_id.hex(),
                "span_id": link.span_id.hex(),
                "attributes": mapping(link.attributes),
            }
            for link in span.links
            if len(link.trace_id) == 16 and len(link.span_id) == 8
        ]
        if links:
            self.links[row] = orjson.dumps(links)


def _scope_attributes(scope: Any) -> dict[str, object]:
    """What is kept of a scope besides its name and version."""
    return {"otel.scope.attributes": mapping(scope.attributes)} if scope.attributes else {}


def _unusual(span: Any, start: int, end: int) -> dict[str, object]:
    """Attributes that few spans have: trace state, what the sender dropped, times that lie."""
    found: dict[str, object] = {}
    if span.trace_state:
        found["tracestate"] = span.trace_state
    if span.dropped_attributes_count:
        found["otel.dropped_attributes_count"] = span.dropped_attributes_count
    if end < start:
        found["latprobe.problem"] = (
            f"ended {start - end} ns before it started" if end else "has no end time"
        )
    return found


def _json(attributes: Any) -> bytes | None:
    return orjson.dumps(attributes) if attributes else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _named(name: str) -> str:
    return name[:MAX_NAME] + "…" if name else UNKNOWN_NAME
