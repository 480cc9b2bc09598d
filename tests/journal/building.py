"""Journal segments made by hand, for tests of what reads them."""

from __future__ import annotations

import marshal
import os
import struct
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from latprobe.journal import segment as fmt
from latprobe.journal.segment import FrameType, frame_bytes

WALL_NS = 1_800_000_000_000_000_000
MONOTONIC_NS = 5_000_000_000
# As docs/journal-format.md lists the fields; the writer packs the last four as one number.
RECORD = struct.Struct("<QQQQQQIIHBBI")
RUN = uuid.UUID("11111111-2222-3333-4444-555555555555")


@dataclass
class SegmentBuilder:
    """A segment file that grows call by call, as a writer's would."""

    path: Path
    capacity: int = 64
    heap_bytes: int = 64 << 10
    run_uuid: uuid.UUID = RUN
    pid: int = 4242
    run: dict[str, Any] | None = field(default_factory=lambda: {"service": "shop"})
    version: int = fmt.VERSION
    dropped: int = 0
    next_slot: int = 0

    def __post_init__(self) -> None:
        self._heap_start = fmt.HEADER_BYTES + self.capacity * fmt.RECORD_BYTES
        self._heap_top = self._heap_start
        self._heap_end = self._heap_start + self.heap_bytes
        self._names: dict[Any, int] = {}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self.path, "w+b", buffering=0)  # noqa: SIM115  # closed by close()
        self._file.truncate(self._heap_end)
        self._write_header(fmt.STATE_OPEN)
        if self.run is not None:
            self.frame(FrameType.RUN, 0, marshal.dumps(self.run, 2))
        self.frame(FrameType.THREAD, 0, marshal.dumps((77, "MainThread"), 2))

    def hold_lock(self) -> SegmentBuilder:
        """Keeps the segment locked, as a living writer does."""
        import fcntl

        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return self

    def close(self) -> Path:
        """The writer is gone."""
        self._file.close()
        return self.path

    def seal(self) -> None:
        """No new record will be started."""
        self._write_header(fmt.STATE_SEALED)

    def name(self, name: str, modality: str | None = None, scope: str | None = None) -> int:
        """The number of a name, whose frame is written at its first use."""
        key = (name, modality, scope)
        if key not in self._names:
            self._names[key] = len(self._names)
            self.frame(FrameType.NAME, self._names[key], marshal.dumps(key, 2))
        return self._names[key]

    def frame(self, kind: int, number: int, payload: bytes, *, crc: int | None = None) -> None:
        """Appends a heap frame."""
        word = len(payload) | fmt.FRAME_COMMIT
        crc = zlib.crc32(payload) if crc is None else crc
        header = fmt.FRAME.pack(kind, 0, number, crc, word)
        os.pwrite(self._file.fileno(), header + payload, self._heap_top)
        self._heap_top += frame_bytes(len(payload))

    def span(
        self,
        name: str = "step",
        *,
        trace: int = 1,
        span: int = 1,
        parent: int = 0,
        start: int = MONOTONIC_NS,
        duration: int = 1_000_000,
        cpu_us: int = fmt.CPU_UNKNOWN,
        flags: int = 0,
        details: Any = None,
        slot: int | None = None,
        is_committed: bool = True,
        modality: str | None = None,
    ) -> int:
        """Writes a record, with a SPAN frame when `details` are given; gives back its slot."""
        slot = self.next_slot if slot is None else slot
        self.next_slot = max(self.next_slot, slot + 1)
        number = self.name(name, modality)
        if details is not None:
            self.frame(FrameType.SPAN, slot, marshal.dumps(details, 2))
            flags |= fmt.Flag.HAS_FRAME
        record = RECORD.pack(
            trace >> 64, trace & (1 << 64) - 1, span, parent, start, duration,
            cpu_us, number, 0, flags, 0, fmt.COMMIT if is_committed else 0,
        )  # fmt: skip
        offset = fmt.HEADER_BYTES + slot * fmt.RECORD_BYTES
        os.pwrite(self._file.fileno(), record, offset)
        return slot

    def lean_spans(self, traces: Sequence[int], *, first_span: int = 1) -> None:
        """One committed record for each trace id, span ids counting up."""
        for position, trace in enumerate(traces):
            self.span(trace=trace, span=first_span + position)

    def _write_header(self, state: int) -> None:
        header = fmt.HEADER.pack(
            fmt.MAGIC, self.version, fmt.HEADER_BYTES, fmt.RECORD_BYTES, state, self.pid,
            self.capacity, 0, WALL_NS, MONOTONIC_NS, self.run_uuid.bytes,
            fmt.HEADER_BYTES, self._heap_start, self._heap_end, self.dropped,
        )  # fmt: skip
        os.pwrite(self._file.fileno(), header, 0)
