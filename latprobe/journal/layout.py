"""How the parts of the next segment are sized, after what the last one was filled with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from latprobe.journal import segment as fmt
from latprobe.journal.mapped_segment import Segment

FIRST_SEGMENT_BYTES = 1 << 20
LEAST_RECORDS = 256
# Of the segment, so that spans without texts find room after many with them.
LEAST_RECORD_SHARE = 1 / 32
# The kernel writes out what was stored half a minute ago.
SOON_S = 60


@dataclass(frozen=True, slots=True)
class Layout:
    """Capacity in records, where the heap starts and ends (file offsets), and whether all of it
    is likely to be filled within a minute."""

    capacity: int
    heap_start: int
    heap_end: int
    is_filled_soon: bool

    def segment_in(self, buffer: Any) -> Segment:
        """An empty one in a buffer of `heap_end` bytes."""
        return Segment(
            buffer, limit=self.heap_start, heap_start=self.heap_start, heap_end=self.heap_end
        )


@dataclass(slots=True)
class Filling:
    """How the last segment was filled: heap bytes for each record, and bytes a second."""

    heap_per_record: float = 64.0
    bytes_per_s: float = 0.0

    def note(self, segment: Segment, *, records: int, took_ns: int) -> None:
        """Takes over how `segment` was filled; at least one record."""
        heap_bytes = segment.heap_top - segment.heap_start
        self.heap_per_record = heap_bytes / records
        self.bytes_per_s = (heap_bytes + records * fmt.RECORD_BYTES) * 1e9 / max(took_ns, 1)

    def layout(self, *, size: int, run_bytes: int, need: int) -> Layout:
        """Of a segment of that many bytes, more if a frame of `need` bytes would take most of its
        heap: names, threads and the next frames want room too."""
        room = size - fmt.HEADER_BYTES
        per_record = fmt.RECORD_BYTES + self.heap_per_record * 1.1
        least = max(LEAST_RECORDS, int(room * LEAST_RECORD_SHARE) // fmt.RECORD_BYTES)
        capacity = max(int((room * 0.9 - run_bytes) / per_record), least)
        heap_start = fmt.HEADER_BYTES + capacity * fmt.RECORD_BYTES
        heap_bytes = max(size - heap_start, run_bytes + 4096)
        if need and (run_bytes + need) * 2 > heap_bytes:
            heap_bytes += need + 4096
        heap_end = heap_start + (heap_bytes & -fmt.FRAME_ALIGN)
        return Layout(capacity, heap_start, heap_end, size <= self.bytes_per_s * SOON_S)
