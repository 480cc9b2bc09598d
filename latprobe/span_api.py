"""The OpenTelemetry API's view of a stage: a Span.

Behaviour follows opentelemetry-sdk's Span, which the tests run beside it as the reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    SpanContext,
    SpanKind,
    TraceFlags,
    TraceState,
)
from opentelemetry.trace.status import Status, StatusCode
from opentelemetry.util import types

from latprobe import guard
from latprobe.clock import monotonic_ns, wall_ns
from latprobe.ids import trace_number
from latprobe.journal.plain import plain
from latprobe.journal.segment import FLAGS_SHIFT, Flag

MAX_MESSAGE = 2_000
# A span keeps its flags where the record's tail has them.
STATUS_OK = Flag.STATUS_OK.value << FLAGS_SHIFT
STATUS_ERROR = Flag.STATUS_ERROR.value << FLAGS_SHIFT
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_EMPTY = TraceState()


class SpanApi:
    """What Stage is made of besides its hot path; it has the slots of both."""

    __slots__ = (
        "_attributes", "_body", "_cpu", "_duration", "_flags", "_more", "_outer", "_parent_id",
        "_span_id", "_start", "_trace", "journal_key", "thread_key",
    )  # fmt: skip

    _attributes: dict[str, Any] | None
    _more: dict[str, Any] | None
    journal_key: Any
    _flags: int
    _start: int
    _duration: int
    _outer: Any
    _trace: bytes  # the trace id, as the record has it
    _span_id: int
    _parent_id: int

    def _note(self, **more: Any) -> dict[str, Any]:
        if self._more is None:
            self._more = {}
        self._more.update(more)
        return self._more

    # -- opentelemetry.trace.Span --------------------------------------------------------------

    def get_span_context(self) -> SpanContext:
        """Trace and span id; built on demand, since most spans are never asked.

        Invalid before the stage has been entered.
        """
        if not self._start:
            return INVALID_SPAN_CONTEXT
        return SpanContext(trace_number(self._trace), self._span_id, False, _SAMPLED, _EMPTY)

    def is_recording(self) -> bool:
        """True from entering the stage to its end."""
        return self._start > 0 and self._duration < 0

    def set_attribute(self, key: str, value: types.AttributeValue) -> None:
        """Keeps one attribute."""
        if self._duration >= 0:
            return
        if self._attributes is None:
            self._attributes = {}
        self._attributes[key] = value

    def set_attributes(self, attributes: Mapping[str, types.AttributeValue]) -> None:
        """Keeps several."""
        if self._duration >= 0:
            return
        if self._attributes is None:
            self._attributes = {}
        self._attributes.update(attributes)

    def add_event(
        self,
        name: str,
        attributes: types.Attributes = None,
        timestamp: int | None = None,
    ) -> None:
        """Notes an event, now or at `timestamp` (wall clock, ns)."""
        if self._duration >= 0:
            return
        offset = monotonic_ns() - self._start
        if timestamp is not None:
            offset += timestamp - wall_ns()
        kept = dict(attributes) if attributes else None
        self._note().setdefault("events", []).append((name, offset, kept))

    def add_link(self, context: SpanContext, attributes: types.Attributes = None) -> None:
        """Links to a span of another trace."""
        if self._duration >= 0 or not context.is_valid:
            return
        high, low = context.trace_id >> 64, context.trace_id & ((1 << 64) - 1)
        kept = plain(dict(attributes)) if attributes else None
        self._note().setdefault("links", []).append((high, low, context.span_id, kept))

    def update_name(self, name: str) -> None:
        """Renames the span; modality and scope stay."""
        if self._duration >= 0:
            return
        key = self.journal_key
        self.journal_key = (name, *key[1:]) if isinstance(key, tuple) else name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """As the SDK does: OK is final, UNSET never overrides."""
        if isinstance(status, Status):
            code, description = status.status_code, status.description
        else:
            code = status
        if self._duration >= 0 or self._flags & STATUS_OK or code is StatusCode.UNSET:
            return
        self._flags &= ~(STATUS_OK | STATUS_ERROR)
        if code is StatusCode.OK:
            self._flags |= STATUS_OK
            return
        self._flags |= STATUS_ERROR
        if description:
            self._note(status_message=str(description)[:MAX_MESSAGE])

    def record_exception(
        self,
        exception: BaseException,
        attributes: types.Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Notes the exception's type, message and innermost line as an event, as OTel names them.

        No stack trace: formatting one takes 100 us and more on the user's thread.
        """
        kind = type(exception)
        name = kind.__qualname__ if kind.__module__ == "builtins" else _full_name(kind)
        message = _message(exception)
        found: dict[str, Any] = {"exception.type": name, "exception.message": message}
        frame = exception.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        if frame is not None:
            code = frame.tb_frame.f_code
            found["code.file.path"] = code.co_filename
            found["code.line.number"] = frame.tb_lineno
            found["code.function.name"] = code.co_qualname
        if attributes:
            found.update(attributes)
        offset = monotonic_ns() - self._start
        if timestamp is not None:
            offset += timestamp - wall_ns()
        more = self._note()
        more.setdefault("events", []).append(("exception", offset, found))
        more.setdefault("status_message", f"{name}: {message}"[:MAX_MESSAGE])
        if self._attributes is None:
            self._attributes = {}
        self._attributes.setdefault("error.type", name)

    # What instrumentations read although the API does not have it.

    @property
    def name(self) -> str:
        """The stage's name."""
        key = self.journal_key
        return str(key[0] if isinstance(key, tuple) else key)

    @property
    def kind(self) -> SpanKind:
        """The span's kind."""
        return SpanKind(self._flags >> FLAGS_SHIFT & Flag.KIND_MASK)

    @property
    def attributes(self) -> Mapping[str, Any]:
        """A copy of what was set so far."""
        return dict(self._attributes or {})

    @property
    def context(self) -> SpanContext:
        """The span context, as the SDK's spans offer it."""
        return self.get_span_context()

    @property
    def parent(self) -> SpanContext | None:
        """The parent's span context, None for a root."""
        if not self._parent_id:
            return None
        remote = bool(self._flags >> FLAGS_SHIFT & Flag.REMOTE_PARENT)
        trace_id = trace_number(self._trace)
        return SpanContext(trace_id, self._parent_id, remote, _SAMPLED, _EMPTY)

    @property
    def end_time(self) -> int | None:
        """Wall clock in ns, None while the span is open."""
        if self._duration < 0:
            return None
        return wall_ns() - (monotonic_ns() - self._start) + self._duration


def _full_name(kind: type[BaseException]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _message(exception: BaseException) -> str:
    try:
        return str(exception)[:MAX_MESSAGE]
    except Exception as fault:  # the user's own __str__ may do anything
        guard.faults["exception text"] = guard.faults.get("exception text", 0) + 1
        return f"<{type(fault).__name__} in its __str__>"
