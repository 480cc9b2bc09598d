"""Texts that are in no file: what the token pass needs of contents that are not kept.

One memory a process, as one process owns a store: the journal's ingest and the OTLP receiver put
in, the token pass takes out. Bounded; what it has forgotten is still counted, by the parts that
were written without their texts.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from latprobe.tokens.part import Dissected

MAX_BYTES = 64 << 20
# What a trace, a part or a text takes besides its characters.
_ENTRY_BYTES = 512


@dataclass(slots=True)
class _Trace:
    known: list[tuple[str, str]] = field(default_factory=list)
    calls: dict[int, Dissected] = field(default_factory=dict)
    size: int = _ENTRY_BYTES


class ContentMemory:
    """Traces of which something is remembered, the newest 64 MiB of them. For any thread."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._size = 0
        self._traces: OrderedDict[int, _Trace] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def size_bytes(self) -> int:
        """What is held, about."""
        return self._size

    def note_text(self, trace_id: int, kind: str, text: str) -> None:
        """Remembers a retrieved document or a marked text: `kind` is the part's."""
        with self._lock:
            trace = self._trace(trace_id)
            trace.known.append((kind, text))
            self._grow(trace, 4 * len(text) + _ENTRY_BYTES)

    def note_call(self, trace_id: int, span_id: int, dissected: Dissected) -> None:
        """Remembers a call's parts with their texts."""
        size = sum(4 * len(part.text or "") + _ENTRY_BYTES for part in dissected.parts)
        with self._lock:
            trace = self._trace(trace_id)
            trace.calls[span_id] = dissected
            self._grow(trace, size)

    def known(self, trace_id: int) -> tuple[tuple[str, str], ...]:
        """(kind, text) of what was retrieved and marked in a trace."""
        with self._lock:
            trace = self._traces.get(trace_id)
            return () if trace is None else tuple(trace.known)

    def call(self, trace_id: int, span_id: int) -> Dissected | None:
        """A call's parts with their texts; None when they are forgotten, or were never here."""
        with self._lock:
            trace = self._traces.get(trace_id)
            return None if trace is None else trace.calls.get(span_id)

    def forget(self, trace_id: int) -> None:
        """The trace's calls are counted."""
        with self._lock:
            self._drop(trace_id)

    def _trace(self, trace_id: int) -> _Trace:
        trace = self._traces.get(trace_id)
        if trace is None:
            trace = self._traces[trace_id] = _Trace()
            self._size += trace.size
        self._traces.move_to_end(trace_id)
        return trace

    def _grow(self, trace: _Trace, size: int) -> None:
        trace.size += size
        self._size += size
        while self._size > self._max_bytes and self._traces:
            self._drop(next(iter(self._traces)))

    def _drop(self, trace_id: int) -> None:
        trace = self._traces.pop(trace_id, None)
        if trace is not None:
            self._size -= trace.size


memory = ContentMemory()
