"""OpenTelemetry's tracer API on our recorder, so that any instrumentation records through it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind, Status, StatusCode
from opentelemetry.util import types
from opentelemetry.util._decorator import _agnosticcontextmanager

from latprobe import recorder
from latprobe.clock import monotonic_ns
from latprobe.journal.segment import FLAGS_SHIFT
from latprobe.recorder import OPEN, Stage, current


class ApiSpan(Stage):
    """A span made by a tracer: started at once, and current only if the caller makes it so."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any, /) -> None:
        if error is not None and self.is_recording():
            self.record_exception(error)
            self.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))
        self.end()

    def start(self, outer: Any, start_time: int | None) -> None:
        """Starts under the given context, now or at `start_time` (wall clock, ns)."""
        self._outer = outer
        self._duration = OPEN
        self._span_id = recorder.next_span_id()
        self._adopt(outer)
        self._start = monotonic_ns()
        if start_time is not None:
            self._note(start_wall_ns=start_time)

    def finish(self, error: BaseException | None = None) -> None:
        """Writes the span; the context is the caller's affair."""
        self._cpu = -1
        Stage.__exit__(self, None, error, None)


class Tracer(trace.Tracer):
    """Makes spans for one instrumentation scope."""

    def __init__(self, scope: str, version: str | None) -> None:
        self._scope = f"{scope}@{version}" if version else scope

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: types.Attributes = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> trace.Span:
        """A started span; its parent is the current one unless `context` says another."""
        span = ApiSpan(name, None, dict(attributes) if attributes else None)
        span.journal_key = (name, None, self._scope)
        span._flags = kind.value << FLAGS_SHIFT
        span.start(current.get() if context is None else context, start_time)
        for link in links or ():
            span.add_link(link.context, link.attributes)
        return span

    @_agnosticcontextmanager
    def start_as_current_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: types.Attributes = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> Iterator[trace.Span]:
        """The same, current inside the `with`."""
        span = self.start_span(name, context, kind, attributes, links, start_time)
        with trace.use_span(
            span,
            end_on_exit=end_on_exit,
            record_exception=record_exception,
            set_status_on_exception=set_status_on_exception,
        ):
            yield span


class TracerProvider(trace.TracerProvider):
    """What `opentelemetry.trace.get_tracer` goes to while the user has set no provider."""

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> trace.Tracer:
        """A tracer of that scope."""
        return Tracer(instrumenting_module_name, instrumenting_library_version)


def offer_provider() -> bool:
    """Makes ours the provider if there is none yet; True if it is ours that is used.

    The slot is filled without spending OpenTelemetry's once-only flag, so that a program which sets
    a provider of its own later still can.
    """
    if trace._TRACER_PROVIDER is not None:
        return isinstance(trace._TRACER_PROVIDER, TracerProvider)
    trace._TRACER_PROVIDER = TracerProvider()
    return True
