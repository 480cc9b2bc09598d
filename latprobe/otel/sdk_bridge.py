"""Recording the spans of a tracer provider that the program has set up itself.

latprobe adds a span processor to it and changes nothing else of it. The SDK is not imported here:
a processor only has to look like one.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakSet

from opentelemetry import trace

from latprobe import guard, marked_spans
from latprobe.clock import monotonic_ns
from latprobe.ids import trace_bytes
from latprobe.journal.segment import FLAGS_SHIFT
from latprobe.otel.scopes import scope_text
from latprobe.part_event import PART_EVENT
from latprobe.recorder import make_stage
from latprobe.span_api import STATUS_ERROR, STATUS_OK
from latprobe.stages import is_recording

_MASK = (1 << 64) - 1
_listening: WeakSet[Any] = WeakSet()


class Listener:
    """A span processor: what ended in the SDK is journalled too."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Nothing: a span is recorded when it has ended."""

    def _on_ending(self, span: Any) -> None:
        """Nothing either."""

    def on_end(self, span: Any) -> None:
        """Journals the finished span with the times, ids and parent that the SDK gave it."""
        if not is_recording():
            return
        try:
            _journal(span)
        except Exception as fault:  # the program's own tracing must go on
            guard.report("recording a span of the SDK", fault)

    def shutdown(self) -> None:
        """Nothing: the journal needs no closing."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """True: what has ended is in the journal."""
        return True


def listen_to(provider: Any) -> bool:
    """Adds a processor to a provider that takes them, once; False for one that does not."""
    add = getattr(provider, "add_span_processor", None)
    if add is None:
        return False
    if provider not in _listening:
        _listening.add(provider)
        add(Listener())
    return True


def listen_to_later_providers() -> None:
    """Listens to whatever provider is set from now on."""
    set_provider = trace._set_tracer_provider

    def set_and_listen(tracer_provider: Any, log: bool) -> None:
        set_provider(tracer_provider, log)
        if trace._TRACER_PROVIDER is tracer_provider:
            listen_to(tracer_provider)

    trace._set_tracer_provider = set_and_listen


def _journal(span: Any) -> None:
    context = span.context
    made = make_stage(span.name, None, dict(span.attributes))
    made.journal_key = (span.name, None, _scope_text(span.instrumentation_scope))
    made._flags = span.kind.value << FLAGS_SHIFT | _status_flags(span.status)
    made._trace = trace_bytes(context.trace_id)
    made._span_id = context.span_id
    made._parent_id = span.parent.span_id if span.parent is not None else 0
    made._duration = max(span.end_time - span.start_time, 0)
    made._start = monotonic_ns() - made._duration
    made._more = {"start_wall_ns": span.start_time, "duration_ns": made._duration}
    if span.status.description:
        made._more["status_message"] = span.status.description
    if span.events:
        made._more["events"] = [
            (event.name, event.timestamp - span.start_time, dict(event.attributes or {}) or None)
            for event in span.events
        ]
    for at_ns, mark in marked_spans.taken(context.trace_id, context.span_id):
        moment = (PART_EVENT, at_ns - span.start_time, mark)
        made._more.setdefault("events", []).append(moment)
    for link in span.links:
        found = link.context
        made._more.setdefault("links", []).append(
            (found.trace_id >> 64, found.trace_id & _MASK, found.span_id, dict(link.attributes))
        )
    made._write(made._encoded())


def _status_flags(status: Any) -> int:
    name = status.status_code.name
    if name == "ERROR":
        return STATUS_ERROR
    return STATUS_OK if name == "OK" else 0


def _scope_text(scope: Any) -> str | None:
    if scope is None:
        return None
    return scope_text(str(scope.name), scope.version)
