"""A stage as an OpenTelemetry span and context, beside the SDK's span as the reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace import TracerProvider as SdkProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

import latprobe
from latprobe.otel.tracer import TracerProvider
from latprobe.testing import MemorySink, RecordedSpan, capture


def test_a_stage_is_the_current_span_of_opentelemetry(sink: MemorySink) -> None:
    with latprobe.stage("request") as stage:
        current = trace.get_current_span()
        assert id(current) == id(stage)
        assert isinstance(current, trace.Span)
        assert current.is_recording()
        current.set_attribute("via", "api")
    assert not current.is_recording()
    assert sink.named("request").attributes == {"via": "api"}


def test_spans_of_the_sdk_nest_in_stages_and_stages_in_them(sink: MemorySink) -> None:
    exporter = InMemorySpanExporter()
    provider = SdkProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("theirs")
    with latprobe.stage("request"), tracer.start_as_current_span("theirs"), latprobe.stage("inner"):
        pass
    theirs = exporter.get_finished_spans()[0]
    request, inner = sink.named("request"), sink.named("inner")
    assert theirs.parent is not None
    assert theirs.context is not None
    assert theirs.parent.span_id == request.span_id
    assert (inner.parent_id, inner.trace_id) == (theirs.context.span_id, request.trace_id)


def test_baggage_and_other_context_values_reach_through_a_stage(sink: MemorySink) -> None:
    token = context.attach(baggage.set_baggage("user", "ada"))
    try:
        with latprobe.stage("request") as stage:
            assert baggage.get_baggage("user") == "ada"
            inner = context.attach(context.set_value("more", 1))
            assert context.get_value("more") == 1
            assert id(trace.get_current_span()) == id(stage)
            context.detach(inner)
            assert id(trace.get_current_span()) == id(stage)
    finally:
        context.detach(token)
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_traceparent_goes_out_and_comes_in(sink: MemorySink) -> None:
    with latprobe.stage("client"):
        headers = dict(latprobe.inject({}))
        assert headers["traceparent"] == latprobe.traceparent()
        theirs: dict[str, str] = {}
        propagate.inject(theirs)
        assert theirs["traceparent"] == headers["traceparent"]
    headers["tracestate"] = "vendor=x"
    with latprobe.extract(headers), latprobe.stage("server"):
        pass
    client, server = sink.named("client"), sink.named("server")
    assert (server.trace_id, server.parent_id) == (client.trace_id, client.span_id)
    assert server.extra == {"tracestate": "vendor=x"}
    assert latprobe.traceparent() is None


def test_a_header_that_is_no_traceparent_starts_a_new_trace(sink: MemorySink) -> None:
    with latprobe.extract({"traceparent": "nonsense"}), latprobe.stage("server"):
        pass
    assert sink.named("server").parent_id is None


def plain_span(tracer: trace.Tracer) -> None:
    with tracer.start_as_current_span("a", kind=SpanKind.CLIENT, attributes={"k": 1}) as span:
        span.set_attributes({"s": "x", "f": 0.5, "b": True, "l": [1, 2]})
        span.add_event("e", {"n": 1})
        span.update_name("b")


def failing_span(tracer: trace.Tracer) -> None:
    with pytest.raises(KeyError), tracer.start_as_current_span("a"):
        raise KeyError("missing")


def status_order(tracer: trace.Tracer) -> None:
    span = tracer.start_span("a")
    span.set_status(Status(StatusCode.ERROR, "first"))
    span.set_status(StatusCode.OK)
    span.set_status(Status(StatusCode.ERROR, "too late"))
    span.end()
    span.end()


def given_times(tracer: trace.Tracer) -> None:
    span = tracer.start_span("a", start_time=1_700_000_000_000_000_000)
    span.end(end_time=1_700_000_000_250_000_000)


def after_the_end(tracer: trace.Tracer) -> None:
    span = tracer.start_span("a")
    span.end()
    span.set_attribute("late", 1)
    span.update_name("late")


def remote_parent(tracer: trace.Tracer) -> None:
    remote = SpanContext(0xABC, 0xDEF, True, TraceFlags(1))
    ctx = trace.set_span_in_context(trace.NonRecordingSpan(remote))
    tracer.start_span("a", context=ctx).end()


def linked(tracer: trace.Tracer) -> None:
    other = SpanContext(7, 8, False, TraceFlags(1))
    tracer.start_span("a", links=[trace.Link(other, {"why": "batch"})]).end()


def no_exception_wanted(tracer: trace.Tracer) -> None:
    with (
        pytest.raises(KeyError),
        tracer.start_as_current_span("a", record_exception=False, set_status_on_exception=False),
    ):
        raise KeyError("x")


def sdk_view(span: ReadableSpan) -> dict[str, Any]:
    """What both sides must agree on."""
    return {
        "name": span.name,
        "kind": span.kind.name.lower(),
        "status": span.status.status_code.name.lower(),
        "attributes": {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in (span.attributes or {}).items()
        },
        "events": [event.name for event in span.events],
        "links": [(link.context.trace_id, link.context.span_id) for link in span.links],
        "parent": span.parent.span_id if span.parent else None,
        "has_parent": span.parent is not None,
    }


def our_view(span: RecordedSpan) -> dict[str, Any]:
    """The same of ours; we add `error.type`, which the SDK leaves to instrumentations."""
    attributes = {key: value for key, value in span.attributes.items() if key != "error.type"}
    return {
        "name": span.name,
        "kind": span.kind,
        "status": span.status,
        "attributes": attributes,
        "events": [name for name, _, _ in span.events],
        "links": [((high << 64) | low, span_id) for high, low, span_id, _ in span.links],
        "parent": span.parent_id,
        "has_parent": span.parent_id is not None,
    }


@pytest.mark.parametrize(
    "program",
    [
        plain_span,
        failing_span,
        status_order,
        given_times,
        after_the_end,
        remote_parent,
        linked,
        no_exception_wanted,
    ],
)
def test_the_same_calls_give_the_same_spans_as_the_sdk(
    program: Callable[[trace.Tracer], None],
) -> None:
    exporter = InMemorySpanExporter()
    provider = SdkProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    program(provider.get_tracer("scope"))
    with capture() as sink:
        program(TracerProvider().get_tracer("scope"))
    assert [our_view(span) for span in sink.spans] == [
        sdk_view(span) for span in exporter.get_finished_spans()
    ]


def test_times_given_by_the_caller_win() -> None:
    with capture() as sink:
        given_times(TracerProvider().get_tracer("scope"))
    assert sink.spans[0].extra == {
        "start_wall_ns": 1_700_000_000_000_000_000,
        "duration_ns": 250_000_000,
    }


def test_the_scope_is_kept() -> None:
    with capture() as sink:
        TracerProvider().get_tracer("lib.module", "1.2").start_span("a").end()
    assert sink.spans[0].scope == "lib.module@1.2"
