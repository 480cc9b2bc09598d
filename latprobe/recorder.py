"""The recording stage: one object that is the stage, an OpenTelemetry span and the current context.

Entering puts the object itself into OpenTelemetry's context variable; asked for the current span it
answers with itself, asked for anything else (baggage, suppression) it passes on to the context that
was there before. So spans of any other instrumentation nest in ours and ours in theirs, at a third
less than attach and detach cost. `docs/decisions/span-is-context.md` has the reasons.

`__enter__` and `__exit__` are the hot path: no lock, no I/O, no formatting, 64 bytes into a mapped
file. tests/benchmarks/recorder.py measures them.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable
from contextvars import ContextVar
from types import FunctionType
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar
from zlib import crc32

from opentelemetry import context as otel_context
from opentelemetry import trace as otel_trace
from opentelemetry.trace.propagation import _SPAN_KEY

from latprobe import guard
from latprobe.clock import monotonic_ns, thread_cpu_ns, wall_ns
from latprobe.ids import random_bits, span_ids, trace_bytes
from latprobe.journal.long_texts import SHORTEST, copy, joined, pack_apart, size_of
from latprobe.journal.mapped_segment import FRAME_BYTES, pack_frame
from latprobe.journal.plain import MAX_PAYLOAD_BYTES, PLAIN, dumps, plain_text
from latprobe.journal.segment import (
    CPU_UNKNOWN,
    FLAGS_SHIFT,
    FRAME_COMMIT,
    PACKED_RECORD,
    Flag,
    FrameType,
)
from latprobe.journal.thread_keys import key_of_this_thread, this_thread
from latprobe.journal.writer import HAS_FRAME, HEADER_RECORDS, Writer
from latprobe.span_api import STATUS_ERROR, STATUS_OK
from latprobe.span_context import SpanContextView
from latprobe.span_payload import SpanPayload
from latprobe.stage_api import StageApi

if TYPE_CHECKING:
    from latprobe.redaction import Redactor

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
S = TypeVar("S", bound="Stage")

OPEN = -1
NEW = -2
LEFT_TO_PARENT_PROCESS = 0
REMOTE_PARENT = Flag.REMOTE_PARENT.value << FLAGS_SHIFT
CPU_FROM_NS = 20_000
MAX_CPU_NAMES = 10_000

pack_into = PACKED_RECORD.pack_into
SPAN_FRAME = FrameType.SPAN.value
next_span_id = span_ids()


def _context_variable() -> ContextVar[Any]:
    """OpenTelemetry's own context variable (its default runtime context is a thin shell on it)."""
    runtime = otel_context._RUNTIME_CONTEXT
    found = getattr(runtime, "_current_context", None)
    if isinstance(found, ContextVar):
        return found
    own: ContextVar[Any] = ContextVar("latprobe_context", default=otel_context.Context())  # noqa: B039 (read-only)
    return own


current: ContextVar[Any] = _context_variable()

# Names whose last span lasted long enough for reading the thread's CPU clock (0.4 us) to be cheap.
_cpu_names: set[Hashable] = set()

# The process's writer; set by latprobe.recording.
writer: Writer


def use_writer(used: Writer) -> None:
    """From now on spans go to `used`."""
    global writer
    writer = used


class Stage(StageApi, SpanPayload, SpanContextView, otel_trace.Span):
    """One run of a stage. Made by `make_stage` or filled by `prepare`, not directly."""

    __slots__ = ()

    # -- the hot path -------------------------------------------------------------------------

    def __enter__(self) -> Self:
        if self._duration == OPEN:
            return self._entered_twice()
        outer = current.get()
        self._outer = outer
        self._duration = OPEN
        self._span_id = next_span_id()
        if type(outer) is Stage:
            self._trace = outer._trace
            self._parent_id = outer._span_id
            if outer._duration >= 0:  # work that goes on after its request: keep no chain of them
                self._outer = _living(outer)
        else:
            self._adopt(outer)
        current.set(self)
        if self.journal_key in _cpu_names and not _in_event_loop():
            self.thread_key = key_of_this_thread()
            self._cpu = thread_cpu_ns()
        self._start = monotonic_ns()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any, /) -> None:
        duration = monotonic_ns() - self._start
        if current.get() is self:
            outer = self._outer
            if type(outer) is not Stage:
                self._outer = _NOTHING  # what an ended stage held on to would never be freed
            elif outer._duration >= 0:
                outer = _living(outer)
            current.set(outer)
        if self._duration != OPEN:
            return
        self._duration = duration
        if duration >= CPU_FROM_NS or self._cpu >= 0:
            self._settle_cpu(duration)
        if error is not None:
            self._note_error(error)
        try:
            if self._attributes is None and self._more is None:
                segment = writer.segment
                named = segment.names[self.journal_key]
                tail = segment.threads[this_thread.key]
                offset = next(segment.offsets)
                if offset < segment.limit:
                    if self._cpu >= 0:
                        named += self._cpu - CPU_UNKNOWN
                    pack_into(
                        segment.buffer, offset, self._trace, self._span_id, self._parent_id,
                        self._start, duration, named, tail | self._flags,
                    )  # fmt: skip
                    return
            self._write_attributes()
        except (KeyError, AttributeError):  # not met yet: this name by the segment, or this thread
            self._write(None)
        except Exception as fault:  # nothing of ours may reach the user's code
            self._failed(fault)

    def _write_attributes(self) -> None:
        """Writes a span with attributes: the common case spelt out, the rest by `_write`."""
        used = writer
        try:
            attributes = self._attributes
            if self._more is not None or attributes is None:
                self._write(self._encoded())
                return
            is_written = False
            pieces: list[Any] | None = None
            has_text = False
            for value in attributes.values():
                kind = type(value)
                if kind is str:
                    if len(value) >= SHORTEST:
                        has_text = True
                elif kind not in PLAIN:
                    self._write(self._encoded())
                    return
            if has_text:
                pieces = pack_apart(attributes)
                size = size_of(pieces)
            else:
                payload = dumps(attributes, 2)
                size = len(payload)
            if size > MAX_PAYLOAD_BYTES:
                self._write(self._encoded())
                return
            key = this_thread.key
            # The heap is one span's at a time. Taking it needs no lock: no other thread and no
            # signal handler runs before this line is done.
            busy, used.is_busy = used.is_busy, True
            if busy:
                self._write(payload if pieces is None else joined(pieces))
                return
            used.busy_thread = key
            try:
                segment = used.segment
                named = segment.names[self.journal_key]
                tail = segment.threads[key]
                top = segment.heap_top
                body = top + FRAME_BYTES
                end = body + size
                if end <= segment.heap_end:
                    offset = next(segment.offsets)
                    if offset < segment.limit:
                        buffer = segment.buffer
                        if pieces is None:
                            buffer[body:end] = payload
                            checksum = crc32(payload)
                        else:
                            checksum = copy(pieces, buffer, body)
                        pack_frame(
                            buffer, top, SPAN_FRAME, (offset >> 6) - HEADER_RECORDS,
                            checksum, size | FRAME_COMMIT,
                        )  # fmt: skip
                        segment.heap_top = (end + 7) & -8
                        if self._cpu >= 0:
                            named += self._cpu - CPU_UNKNOWN
                        pack_into(
                            buffer, offset, self._trace, self._span_id, self._parent_id,
                            self._start, self._duration, named, tail | self._flags | HAS_FRAME,
                        )  # fmt: skip
                        is_written = True
            finally:
                used.busy_thread = None
                used.is_busy = False
        except (KeyError, AttributeError, ValueError):
            # Not met yet: this name by the segment, or this thread; or a value marshal refuses.
            self._write(self._encoded())
            return
        except Exception as fault:  # nothing of ours may reach the user's code
            self._failed(fault)
            return
        if not is_written:
            self._write(payload if pieces is None else joined(pieces))
        elif used.waiting:  # left by a signal handler meanwhile
            used.drain()

    def _write(self, payload: bytes | None) -> None:
        """Hands the span to the writer, which finds or makes room. Raises nothing of ours."""
        try:
            self.thread_key = key_of_this_thread()
            writer.write(self, payload)
        except Exception as fault:
            self._failed(fault)

    def _failed(self, fault: Exception) -> None:
        """Counts a span that could not be written; raises again what a signal handler raised."""
        if not guard.is_ours(fault):
            raise fault
        writer.drop()
        guard.report("recording a span", fault)

    def _entered_twice(self) -> Self:
        """The same object inside itself, or in two threads: recorded once, until its first exit."""
        guard.warn_once(
            f"stage {self.name!r} was entered while it was open. Write stage(...) anew each time."
        )
        return self

    # -- starting and ending, the rarer ways ----------------------------------------------------

    async def __aenter__(self) -> Self:
        self.__enter__()
        self._cpu = -1  # the thread runs other tasks too
        return self

    async def __aexit__(self, kind: Any, error: BaseException | None, traceback: Any, /) -> None:
        self._cpu = -1
        self.__exit__(kind, error, traceback)

    def start_suspended(self) -> None:
        """Starts without becoming current; `resume` and `pause` do that, for generators."""
        outer = current.get()
        self._outer = _living(outer)
        self._duration = OPEN
        self._span_id = next_span_id()
        self._adopt(outer)
        self._body: Any = self
        self._start = monotonic_ns()

    def finish(self, error: BaseException | None = None) -> None:
        """Ends a stage that was started suspended (or by the OpenTelemetry API)."""
        self._cpu = -1
        self.__exit__(None, error, None)

    def end(self, end_time: int | None = None) -> None:
        """Ends the span, now or at `end_time` (wall clock, ns)."""
        if self._duration != OPEN:
            return
        started = (self._more or {}).get("start_wall_ns")
        if end_time is not None or started is not None:
            if started is None:
                started = wall_ns() - (monotonic_ns() - self._start)
            ended = wall_ns() if end_time is None else end_time
            self._note(start_wall_ns=started, duration_ns=max(ended - started, 0))
        self.finish()

    def resume(self) -> None:
        """The generator's body goes on: its span is current again."""
        self._outer = _living(current.get())
        current.set(self._body)

    def pause(self) -> None:
        """The generator yields: the consumer's span is current again."""
        self._body = current.get()
        current.set(self._outer)

    def _adopt(self, outer: Any) -> None:
        """Takes trace and parent from whatever context is current; a new trace if it has none."""
        span = outer if isinstance(outer, Stage) else outer.get(_SPAN_KEY)
        if isinstance(span, Stage):
            self._trace = span._trace
            self._parent_id = span._span_id
            return
        found = None if span is None else span.get_span_context()
        if found is not None and found.is_valid:
            self._trace = trace_bytes(found.trace_id)
            self._parent_id = found.span_id
            if found.is_remote:
                self._flags |= REMOTE_PARENT
            if found.trace_state:
                self._note(tracestate=found.trace_state.to_header())
            return
        self._trace = trace_bytes(random_bits(64) << 64 | (random_bits(64) or 1))
        self._parent_id = 0

    def _settle_cpu(self, duration_ns: int) -> None:
        """`_cpu` from the clock's reading at the start to us, -1 where it was not or wrongly read.

        Also remembers whether the next stage of this name is to read it.
        """
        started, self._cpu = self._cpu, -1
        if duration_ns < CPU_FROM_NS:
            _cpu_names.discard(self.journal_key)
        elif started < 0:
            if self.journal_key not in _cpu_names and len(_cpu_names) < MAX_CPU_NAMES:
                _cpu_names.add(self.journal_key)
        elif self.thread_key is key_of_this_thread():  # else ended by another than began it
            self._cpu = min(max(thread_cpu_ns() - started, 0) // 1000, CPU_UNKNOWN - 1)

    def _note_error(self, error: BaseException) -> None:
        if isinstance(error, GeneratorExit):  # the consumer had enough: that is no error
            self.set(**{"latprobe.closed_early": True})
            return
        if isinstance(error, SystemExit) and not error.code:
            return
        self.record_exception(error)
        self._flags = self._flags & ~STATUS_OK | STATUS_ERROR

    # -- what the journal asks for --------------------------------------------------------------

    def pack(self, buffer: Any, offset: int, named: int, tail: int) -> None:
        """Writes the 64-byte record; the commit word in its tail is stored last."""
        if self._cpu >= 0:
            named += self._cpu - CPU_UNKNOWN
        pack_into(
            buffer, offset, self._trace, self._span_id, self._parent_id,
            self._start, self._duration, named, tail | self._flags,
        )  # fmt: skip


def make_stage(name: str, modality: str | None, attributes: dict[str, Any]) -> Stage:
    """A stage that is not yet entered. Here and not in an `__init__`, which costs twice as much."""
    made = Stage()
    made.journal_key = name if modality is None else (name, plain_text(modality), None)
    made._attributes = attributes or None
    made._more = None
    made._flags = 0
    made._cpu = -1
    made._start = 0
    made._duration = NEW
    return made


def prepare(made: S, key: Hashable, attributes: dict[str, Any] | None, flags: int) -> S:
    """The same for a stage or span already allocated, under the name it has in the journal."""
    made.journal_key = key
    made._attributes = attributes or None
    made._more = None
    made._flags = flags
    made._cpu = -1
    made._start = 0
    made._duration = NEW
    return made


def redact_with(redactor: Redactor | None) -> None:
    """From now on `redactor` goes over what spans carry before it is written; None: nothing does.

    Without one the methods are the plain ones, so that nobody pays for asking.
    """
    if redactor is None:
        Stage._write_attributes, Stage._encoded = _plain  # type: ignore[method-assign]
        return
    encoded = _plain[1]

    def encode_redacted(self: Stage) -> bytes | None:
        try:
            self.redact(redactor)
        except Exception as fault:  # what could not be redacted is not written
            self._attributes = self._more = None
            if not guard.is_ours(fault):
                raise
            guard.report("redacting attributes", fault)
        return encoded(self)

    def write_redacted(self: Stage) -> None:
        self._write(self._encoded())

    Stage._write_attributes = write_redacted  # type: ignore[method-assign]
    Stage._encoded = encode_redacted  # type: ignore[method-assign,assignment]


_plain = (Stage._write_attributes, Stage._encoded)

# The context of a stage that has ended.
_NOTHING = otel_context.Context()


def _in_event_loop() -> bool:
    """True on a thread whose event loop runs: its CPU clock counts other tasks too."""
    events = sys.modules.get("asyncio.events")
    return events is not None and events._get_running_loop() is not None


def _living(outer: Any) -> Any:
    """The nearest context outwards whose span has not ended: exits may come out of order."""
    while type(outer) is Stage and outer._duration >= 0:
        outer = outer._outer
    return outer


def after_fork() -> None:
    """In a forked child: draws other ids, and leaves open stages to the parent process.

    Every stage that is open now will be ended by the parent; its copy here must not be recorded.
    Their `with` blocks hold on to `Stage.__exit__` already, so it is that function's code which is
    replaced; only a forked child pays for asking.
    """
    global next_span_id, _forked_at
    next_span_id = span_ids()
    _forked_at = monotonic_ns()
    _stage_exit.__code__ = _exit_in_child.__code__


_forked_at = 0
_stage_exit = Stage.__exit__  # the class may have another by then (latprobe.gpu)
_exit = FunctionType(Stage.__exit__.__code__, globals())


def _exit_in_child(self: Stage, kind: Any, error: BaseException | None, traceback: Any, /) -> None:
    if self._start >= _forked_at or self._duration != OPEN:
        _exit(self, kind, error, traceback)
        return
    if current.get() is self:
        current.set(_living(self._outer))
    self._duration = 0
