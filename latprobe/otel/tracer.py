"""OpenTelemetry's tracer API on our recorder, so that any instrumentation records through it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind, Status, StatusCode
from opentelemetry.util import types
from opentelemetry.util._decorator import _agnosticcontextmanager

from latprobe import recorder
from latprobe.clock import monotonic_ns
from latprobe.journal.segment import FLAGS_SHIFT
from latprobe.otel.scopes import scope_text
from latprobe.otel.sdk_bridge import listen_to, listen_to_later_providers
from latprobe.recorder import OPEN, Stage, current, prepare


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


_INTERNAL = SpanKind.INTERNAL
_KIND_FLAGS = {kind: kind.value << FLAGS_SHIFT for kind in SpanKind}


class Tracer(trace.Tracer):
    """Makes spans for one instrumentation scope.

    Once the program has set a provider of its own, the spans are that provider's: whoever asked for
    a tracer early must not stay with ours.
    """

    def __init__(
        self, scope: str, version: str | None, schema_url: str | None, attributes: Any
    ) -> None:
        self._asked = (scope, version, schema_url, attributes)
        self._scope = scope_text(scope, version)
        self._successor: trace.Tracer | None = None

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
        if trace._TRACER_PROVIDER is not _ours and _has_successor():
            return self._theirs().start_span(
                name,
                context,
                kind,
                attributes,
                links,
                start_time,
                record_exception,
                set_status_on_exception,
            )
        kept = dict(attributes) if attributes else None
        span = prepare(ApiSpan(), (name, None, self._scope), kept, _KIND_FLAGS[kind])
        span.start(current.get() if context is None else context, start_time)
        for link in links or ():
            span.add_link(link.context, link.attributes)
        return span

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
    ) -> Any:
        """The same, current inside the `with`; also a decorator."""
        if (
            context is None
            and links is None
            and start_time is None
            and record_exception
            and set_status_on_exception
            and end_on_exit
            and (trace._TRACER_PROVIDER is _ours or not _has_successor())
        ):
            # Just what a stage does, so a stage it is: five times cheaper than `use_span`.
            return prepare(
                Stage(),
                (name, None, self._scope),
                {**attributes} if attributes else None,
                0 if kind is _INTERNAL else _KIND_FLAGS[kind],
            )
        return self._start_as_current(
            name,
            context,
            kind,
            attributes,
            links,
            start_time,
            record_exception=record_exception,
            set_status_on_exception=set_status_on_exception,
            end_on_exit=end_on_exit,
        )

    @_agnosticcontextmanager
    def _start_as_current(
        self,
        *asked: Any,
        record_exception: bool,
        set_status_on_exception: bool,
        end_on_exit: bool,
    ) -> Iterator[trace.Span]:
        span = self.start_span(*asked)
        with trace.use_span(span, end_on_exit, record_exception, set_status_on_exception):
            yield span

    def _theirs(self) -> trace.Tracer:
        if self._successor is None:
            self._successor = trace.get_tracer_provider().get_tracer(*self._asked)
        return self._successor


def _has_successor() -> bool:
    """Whether the program has set a provider of its own."""
    provider = trace._TRACER_PROVIDER
    return provider is not None and not isinstance(provider, TracerProvider)


class TracerProvider(trace.ProxyTracerProvider):
    """What `opentelemetry.trace.get_tracer` goes to while the program has set no provider.

    It is a ProxyTracerProvider, which OpenTelemetry has for that time, because programs and SDKs
    ask for that type to find out whether they may set up a provider of their own. They may.
    """

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: types.Attributes = None,
    ) -> trace.Tracer:
        """A tracer of that scope."""
        return Tracer(
            instrumenting_module_name, instrumenting_library_version, schema_url, attributes
        )


_ours = TracerProvider()


def is_provider() -> bool:
    """Whether spans go to latprobe alone: the program has set no provider of its own."""
    return trace._TRACER_PROVIDER is _ours


def offer_provider() -> bool:
    """Makes ours the provider if there is none yet; True if it is ours that is used.

    The slot is filled without spending OpenTelemetry's once-only flag, so that a program which sets
    a provider of its own later still can; then, and if it has one already, latprobe listens to it.
    """
    if trace._TRACER_PROVIDER is None:
        trace._TRACER_PROVIDER = _ours
        listen_to_later_providers()
    elif trace._TRACER_PROVIDER is not _ours:
        listen_to(trace._TRACER_PROVIDER)
    return trace._TRACER_PROVIDER is _ours
