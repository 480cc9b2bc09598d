"""OTLP requests for tests: one span at a time, or random ones."""

from __future__ import annotations

import base64
import json
from typing import Any

from google.protobuf.json_format import MessageToDict
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from latprobe_collectors.otlp.acceptance import drop_unusable
from latprobe_collectors.otlp.decode import SpanColumns
from latprobe_collectors.otlp.rows import to_received_rows

START_NS = 1_700_000_000_000_000_000
TRACE = bytes(range(1, 17))


def any_value(value: object) -> AnyValue:
    """The value as a message."""
    match value:
        case None:
            return AnyValue()
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case str():
            return AnyValue(string_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case list():
            found = AnyValue()
            found.array_value.values.extend(any_value(part) for part in value)
            return found
        case dict():
            found = AnyValue()
            found.kvlist_value.values.extend(pairs(value))
            return found
    raise TypeError(value)


def pairs(attributes: dict[str, Any]) -> list[KeyValue]:
    """Attributes as messages."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def span(number: int = 1, *, attributes: dict[str, Any] | None = None, **fields: Any) -> Span:
    """A span of 5 ms; `fields` are the message's."""
    values: dict[str, Any] = {
        "trace_id": TRACE,
        "span_id": number.to_bytes(8, "big"),
        "name": "stage",
        "start_time_unix_nano": START_NS,
        "end_time_unix_nano": START_NS + 5_000_000,
        "attributes": pairs(attributes or {}),
        **fields,
    }
    return Span(**values)


def request(
    *spans: Span, resource: dict[str, Any] | None = None, scope: str = "tests"
) -> ExportTraceServiceRequest:
    """One request of one resource and one scope."""
    return ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(
                resource=Resource(attributes=pairs({"service.name": "shop", **(resource or {})})),
                scope_spans=[ScopeSpans(scope=InstrumentationScope(name=scope), spans=spans)],
            )
        ]
    )


def as_json(message: ExportTraceServiceRequest) -> bytes:
    """OTLP's JSON of a request: protobuf's mapping, but with hexadecimal ids."""
    found = MessageToDict(message, use_integers_for_enums=True)
    _ids_to_hex(found)
    return json.dumps(found).encode()


def _ids_to_hex(value: Any) -> None:
    if isinstance(value, list):
        for part in value:
            _ids_to_hex(part)
    elif isinstance(value, dict):
        for key, part in value.items():
            if key in ("traceId", "spanId", "parentSpanId"):
                value[key] = base64.b64decode(part).hex()
            else:
                _ids_to_hex(part)


def rows_of(message: ExportTraceServiceRequest) -> dict[str, list[dict[str, Any]]]:
    """What the store would get of a request."""
    drop_unusable(message)
    columns = SpanColumns()
    columns.add(message)
    rows = to_received_rows(columns)
    return {
        "spans": rows.spans.to_pylist(),
        "events": rows.events.to_pylist(),
        "runs": [{"key": run.key, **run.values} for run in rows.runs],
    }


_text = st.text(st.characters(codec="utf-8"), max_size=12)
_names = st.sampled_from(
    ["gen_ai.request.model", "gen_ai.usage.input_tokens", "thread.name", "error.type", "k", "ü"]
)
_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats()
    | _text
    | st.binary(max_size=5)
)
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=6,
)
_attributes = st.dictionaries(_names | _text, _values, max_size=5)
_times = st.integers(0, (1 << 64) - 1) | st.integers(START_NS, START_NS + 10**9)
_trace_ids = st.sampled_from([TRACE, bytes(16), b"", b"abcd"])
_span_ids = st.integers(0, 40).map(lambda number: number.to_bytes(8, "big")) | st.just(b"abc")


@st.composite
def spans(draw: st.DrawFn) -> Span:
    """Any span that a client could send, good or not."""
    events = [
        Span.Event(time_unix_nano=draw(_times), name=name, attributes=pairs(draw(_attributes)))
        for name in draw(st.lists(st.sampled_from(["exception", "tick"]) | _text, max_size=2))
    ]
    links = [
        Span.Link(trace_id=draw(_trace_ids), span_id=draw(_span_ids))
        for _ in range(draw(st.integers(0, 2)))
    ]
    return span(
        attributes=draw(_attributes),
        trace_id=draw(_trace_ids),
        span_id=draw(_span_ids),
        parent_span_id=draw(_span_ids | st.just(b"")),
        name=draw(_text),
        kind=draw(st.integers(0, 5)),
        start_time_unix_nano=draw(_times),
        end_time_unix_nano=draw(_times),
        status=Status(code=draw(st.integers(0, 2)), message=draw(_text)),  # type: ignore[arg-type]  # an open enum
        flags=draw(st.integers(0, 0x3FF)),
        events=events,
        links=links,
    )


@st.composite
def requests(draw: st.DrawFn) -> ExportTraceServiceRequest:
    """Any request."""
    return ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(
                resource=Resource(attributes=pairs(draw(_attributes))),
                scope_spans=[
                    ScopeSpans(
                        scope=InstrumentationScope(name=draw(_text), version=draw(_text)),
                        spans=draw(st.lists(spans(), max_size=4)),
                    )
                    for _ in range(draw(st.integers(0, 2)))
                ],
            )
            for _ in range(draw(st.integers(0, 2)))
        ]
    )
