"""For tests of instrumented code: what was recorded, as plain values, with fixed time and ids.

from latprobe.testing import capture

with capture() as sink:
    answer(question)
assert [span.name for span in sink.spans] == ["retrieve", "generate", "answer"]
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from latprobe import recorder, span_api, stage_api, stages, streams
from latprobe.journal.heap import decode
from latprobe.journal.mapped_segment import Segment
from latprobe.journal.segment import (
    COMMITTED,
    CPU_UNKNOWN,
    KINDS,
    RECORD,
    Flag,
)
from latprobe.journal.writer import Finished


@dataclass(frozen=True, slots=True)
class RecordedSpan:
    """One finished span. Times in ns of the (fake) monotonic clock; `parent_id` None for a root."""

    name: str
    trace_id: int
    span_id: int
    parent_id: int | None
    start_ns: int
    duration_ns: int
    kind: str = "internal"
    status: str = "unset"
    modality: str | None = None
    scope: str | None = None
    cpu_ns: int | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    events: tuple[Any, ...] = ()
    links: tuple[Any, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)


class MemorySink:
    """Takes the journal's place: finished spans end up in `spans`, in the order they ended."""

    def __init__(self) -> None:
        self.spans: list[RecordedSpan] = []
        self.late: list[tuple[int, int, int, dict[str, Any]]] = []
        # Without room in it, every span takes the slow path, which leads to `write`.
        self.segment = Segment(bytearray(), limit=0, heap_start=0, heap_end=0)
        self.is_busy = True
        self.dropped = 0

    def drop(self) -> None:
        """Called by the recorder for a span it could not write."""
        self.dropped += 1

    def write_late(self, facts: list[tuple[int, int, int, dict[str, Any]]]) -> bool:
        """Called for what becomes known of a span after its end."""
        self.late.extend(facts)
        return True

    def write(self, span: Finished, payload: bytes | None) -> None:
        """Called by the recorder for each finished span."""
        self.spans.append(recorded(span, payload))

    def named(self, name: str) -> RecordedSpan:
        """The one span of that name; AssertionError when there is not exactly one."""
        found = [span for span in self.spans if span.name == name]
        assert len(found) == 1, f"{len(found)} spans named {name!r} among {self.names()}"
        return found[0]

    def names(self) -> list[str]:
        """The names in the order the spans ended."""
        return [span.name for span in self.spans]


def recorded(span: Finished, payload: bytes | None) -> RecordedSpan:
    """The span as the journal would hold it, decoded again."""
    record = bytearray(RECORD.size)
    span.pack(record, 0, CPU_UNKNOWN, COMMITTED)
    high, low, span_id, parent, start, duration, cpu, _, _, flags, _, _ = RECORD.unpack(record)
    key: Any = span.journal_key
    name, modality, scope = key if isinstance(key, tuple) else (key, None, None)
    value = decode(payload) if payload else None
    attributes, events, links, extra = (
        value if isinstance(value, tuple) else (value, None, None, None)
    )
    return RecordedSpan(
        name=name,
        trace_id=(high << 64) | low,
        span_id=span_id,
        parent_id=parent or None,
        start_ns=start,
        duration_ns=duration,
        kind=KINDS[flags & Flag.KIND_MASK],
        status=_status(flags),
        modality=modality,
        scope=scope,
        cpu_ns=None if cpu == CPU_UNKNOWN else cpu * 1000,
        attributes=attributes or {},
        events=tuple(events or ()),
        links=tuple(links or ()),
        extra=extra or {},
    )


def _status(flags: int) -> str:
    if flags & Flag.STATUS_ERROR:
        return "error"
    return "ok" if flags & Flag.STATUS_OK else "unset"


class FakeClock:
    """A monotonic clock that moves only when told to."""

    def __init__(self, start_ns: int = 1_000_000_000) -> None:
        self.now_ns = start_ns

    def __call__(self) -> int:
        return self.now_ns

    def advance(self, *, ms: float = 0, ns: int = 0) -> None:
        """Lets time pass."""
        self.now_ns += round(ms * 1e6) + ns


class CountingIds:
    """Ids 1, 2, 3 ... in the order they are drawn."""

    def __init__(self) -> None:
        self.last = 0

    def __call__(self, bits: int) -> int:
        self.last += 1
        return self.last


@contextmanager
def capture(clock: FakeClock | None = None, ids: CountingIds | None = None) -> Iterator[MemorySink]:
    """Records into memory inside the `with`, whether or not the process records otherwise."""
    sink = MemorySink()
    replaced: list[tuple[Any, str, Any]] = []

    def replace(module: Any, name: str, value: Any) -> None:
        replaced.append((module, name, getattr(module, name, None)))
        setattr(module, name, value)

    if clock is not None:
        for module in (recorder, span_api, stage_api, streams):
            replace(module, "monotonic_ns", clock)
    if ids is not None:
        replace(recorder, "random_bits", ids)
        replace(recorder, "next_span_id", lambda: ids(64))
    replace(recorder, "writer", sink)
    replace(stages, "_make", recorder.make_stage)
    try:
        yield sink
    finally:
        for module, name, value in reversed(replaced):
            setattr(module, name, value)
