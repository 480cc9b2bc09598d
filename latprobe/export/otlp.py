"""Spans as OTLP requests: opentelemetry-proto's messages, filled from the store's rows.

opentelemetry-sdk's encoder wants SDK spans and takes 12 us each; this takes the rows as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span, Status

from latprobe.export.attributes import span_attributes
from latprobe.export.content import event_without_content, without_content
from latprobe.export.stored_spans import Run, StoredSpan
from latprobe.otel.scopes import scope_parts

KINDS = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
STATUSES = {"unset": 0, "ok": 1, "error": 2}
HAS_IS_REMOTE = 0x100
IS_REMOTE = 0x200
MAX_TIME = (1 << 64) - 1
MAX_DEPTH = 32
SCOPE_VERSION = "otel.scope.version"


def to_request(
    spans: Iterable[StoredSpan], runs: Mapping[int, Run], *, content: bool = False
) -> ExportTraceServiceRequest:
    """One request: a resource for each process, a scope for each instrumentation.

    Attributes that hold prompts, answers or tool calls are left out unless `content`.
    """
    request = ExportTraceServiceRequest()
    places: dict[tuple[int, int | None], dict[tuple[str | None, str], ScopeSpans]] = {}
    resources = {}
    for span in spans:
        process = span.run_id, span.pid
        scopes = places.get(process)
        if scopes is None:
            scopes = places[process] = {}
            resources[process] = request.resource_spans.add(
                resource=Resource(
                    attributes=key_values(resource_attributes(runs.get(span.run_id), span.pid))
                )
            )
        scope = span.scope, str(span.attributes.get(SCOPE_VERSION) or "")
        place = scopes.get(scope)
        if place is None:
            place = scopes[scope] = resources[process].scope_spans.add(scope=_scope(*scope))
        place.spans.append(_span(span, content=content))
    return request


def resource_attributes(run: Run | None, pid: int | None) -> dict[str, Any]:
    """What the run said of itself, completed from its columns. No command line, no folders."""
    if run is None:
        return {}
    known = {
        "service.name": run.service,
        "service.version": run.version,
        "host.name": run.host,
        "os.type": run.platform,
        "process.runtime.version": run.python,
        "vcs.ref.head.revision": run.git_commit,
        "latprobe.run_id": run.run_uuid,
    }
    if run.latprobe is not None:
        known |= {
            "telemetry.sdk.name": "latprobe",
            "telemetry.sdk.language": "python",
            "telemetry.sdk.version": run.latprobe,
            "process.runtime.name": "cpython",
        }
    found = {**run.resource}
    for name, value in (*known.items(), ("process.pid", pid)):
        if value is not None:
            found.setdefault(name, value)
    return found


def key_values(attributes: Mapping[str, Any]) -> list[KeyValue]:
    """Attributes as OTLP says them."""
    return [KeyValue(key=name, value=any_value(value)) for name, value in attributes.items()]


def any_value(value: Any, depth: int = 0) -> AnyValue:
    """A JSON value as OTLP says it; an integer beyond 64 bits becomes text."""
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, int):
        if -(1 << 63) <= value < 1 << 63:
            return AnyValue(int_value=value)
        return AnyValue(string_value=str(value))
    if isinstance(value, float):
        return AnyValue(double_value=value)
    found = AnyValue()
    if value is None or depth >= MAX_DEPTH:
        return found
    if isinstance(value, Mapping):
        found.kvlist_value.values.extend(
            KeyValue(key=key, value=any_value(item, depth + 1)) for key, item in value.items()
        )
        if not value:
            found.kvlist_value.SetInParent()
    else:
        found.array_value.values.extend(any_value(item, depth + 1) for item in value)
        if not value:
            found.array_value.SetInParent()
    return found


def _scope(scope: str | None, version: str) -> InstrumentationScope:
    """`version` is an attribute of spans that earlier versions of latprobe received: their scope
    is the name alone."""
    if version:
        return InstrumentationScope(name=scope or "", version=version)
    name, said = scope_parts(scope or "")
    return InstrumentationScope(name=name, version=said)


def _span(span: StoredSpan, *, content: bool) -> Span:
    parent = span.parent_span_id
    return Span(
        trace_id=bytes.fromhex(span.trace_id),
        span_id=span.span_id.to_bytes(8, "big"),
        parent_span_id=b"" if parent is None else parent.to_bytes(8, "big"),
        trace_state=str(span.attributes.get("tracestate") or ""),
        flags=_flags(span.remote_parent),
        name=span.name,
        kind=KINDS.get(span.kind, 0),  # type: ignore[arg-type]  # an enum's number
        start_time_unix_nano=_time(span.start_ns),
        end_time_unix_nano=_time(span.start_ns + span.duration_ns),
        attributes=key_values(span_attributes(span, content=content)),
        events=[
            Span.Event(
                time_unix_nano=_time(event.time_ns),
                name=event.name,
                attributes=key_values(
                    event.attributes
                    if content
                    else event_without_content(event.name, event.attributes)
                ),
            )
            for event in span.events
        ],
        links=[
            Span.Link(
                trace_id=bytes.fromhex(link.trace_id),
                span_id=bytes.fromhex(link.span_id),
                attributes=key_values(
                    link.attributes if content else without_content(link.attributes)
                ),
            )
            for link in span.links
        ],
        status=Status(
            code=STATUSES.get(span.status, 0),  # type: ignore[arg-type]  # an enum's number
            message=span.status_message or "",
        ),
    )


def _flags(remote_parent: bool | None) -> int:
    if remote_parent is None:
        return 0
    return HAS_IS_REMOTE | (IS_REMOTE if remote_parent else 0)


def _time(value: int) -> int:
    return min(max(value, 0), MAX_TIME)
