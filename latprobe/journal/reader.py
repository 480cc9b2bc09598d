"""The reading side of the journal: what was committed to a segment since the last look.

Bytes are read with `pread` and not through a mapping: reading a mapping beyond the end of a file
that was cut off kills the process, a short `pread` is only a short answer.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from latprobe.errors import SegmentError
from latprobe.journal import segment as fmt
from latprobe.journal.header import (
    MAX_NS,
    Header,
    is_unlocked,
    open_segment,
    parse_header,
)
from latprobe.journal.heap import Heap, Late, Name

RECORD = np.dtype(
    [
        ("trace_high", "<u8"),
        ("trace_low", "<u8"),
        ("span_id", "<u8"),
        ("parent_span_id", "<u8"),
        ("start", "<u8"),
        ("duration", "<u8"),
        ("cpu_us", "<u4"),
        ("name", "<u4"),
        ("thread", "<u2"),
        ("flags", "u1"),
        ("reserved", "u1"),
        ("commit", "<u4"),
    ]
)
assert RECORD.itemsize == fmt.RECORD_BYTES

# Slots are taken when a span ends and filled within microseconds, so that many slots ahead of the
# last committed one are enough to look at while the writer lives.
LOOK_AHEAD = 256

Records = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Taken:
    """Newly committed records of one segment; `payloads` maps a row to its SPAN payload.

    `late` are facts of spans that were committed earlier, here or in another segment. `next_slot`
    and `holes` are where the next look must go on. `is_last` says that nothing will ever follow.
    `damaged` counts records that lost their name or attributes.
    """

    segment: str
    header: Header
    run: dict[str, Any]
    rows: Records
    payloads: dict[int, bytes]
    late: tuple[Late, ...]
    names: dict[int, Name]
    threads: dict[int, str]
    next_slot: int
    holes: tuple[int, ...]
    slots: tuple[int, ...] = field(repr=False)
    damaged: int
    is_last: bool


class SegmentReader:
    """One open segment. `take` looks, `advance` remembers what was looked at."""

    def __init__(self, path: Path, *, next_slot: int = 0, holes: tuple[int, ...] = ()) -> None:
        self.path = path
        self.next_slot = next_slot
        self.holes = holes
        self.damaged = 0
        self._fd = open_segment(path)
        try:
            self.header = parse_header(self._read(0, fmt.HEADER_BYTES), path)
            self._check_size()
        except SegmentError:
            self.close()
            raise
        self.heap = Heap(self._read, start=self.header.heap_offset, end=self.header.heap_end)

    def close(self) -> None:
        """Lets the file go."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def is_writer_gone(self) -> bool:
        """Whether nobody can write to this segment any more."""
        return is_unlocked(self._fd, self.header.pid)

    def take(self, limit: int) -> Taken:
        """At most `limit` (and the holes) newly committed records, each trace's together.

        Raises SegmentError when the file turned out shorter than it was.
        """
        is_final = self.is_writer_gone()
        self.header = parse_header(self._read(0, fmt.HEADER_BYTES), self.path)
        slots, records, end = self._committed(limit, is_final)
        self.heap.scan(is_final=is_final, wanted=self._is_wanted)
        ready = self._is_ready(slots, records, is_final)
        next_slot = max(int(slots[-1]) + 1, self.next_slot) if len(slots) else self.next_slot
        if is_final:
            next_slot = max(next_slot, end)
        taken = slots[ready]
        holes = () if is_final else self._holes(taken, next_slot)
        rows, kept_slots, damaged = self._sound(records[ready], taken)
        order = _trace_order(rows)
        rows, kept_slots = rows[order], kept_slots[order]
        is_full = next_slot == self.header.capacity and not holes
        return Taken(
            segment=self.path.name,
            header=self.header,
            run=self.heap.run or {},
            rows=rows,
            payloads=self._payloads(rows, kept_slots),
            late=tuple(self.heap.late),
            names=self.heap.names,
            threads=self.heap.threads,
            next_slot=next_slot,
            holes=holes,
            slots=tuple(taken.tolist()) if self.heap.payloads else (),
            damaged=damaged,
            is_last=is_full and (is_final or self.header.state == fmt.STATE_SEALED),
        )

    def advance(self, taken: Taken) -> None:
        """Remembers that `taken` is in the store."""
        self.next_slot = taken.next_slot
        self.holes = taken.holes
        self.damaged += taken.damaged
        del self.heap.late[: len(taken.late)]
        for slot in taken.slots:
            self.heap.payloads.pop(slot, None)

    def _committed(self, limit: int, is_final: bool) -> tuple[npt.NDArray[np.int64], Records, int]:
        """Committed slots, their records, and how far was looked."""
        blocks: list[tuple[npt.NDArray[np.int64], Records]] = []
        for hole in self.holes:
            self._add_block(blocks, hole, 1)
        position = self.next_slot
        end = min(position + limit, self.header.capacity)
        window = LOOK_AHEAD
        while position < end:
            count = min(window, end - position)
            is_found = self._add_block(blocks, position, count)
            if not is_found and not is_final:
                break
            position += count
            window = min(window * 4, 1 << 14)
        if not blocks:
            return np.empty(0, np.int64), np.empty(0, RECORD), position
        return (
            np.concatenate([slots for slots, _ in blocks]),
            np.concatenate([records for _, records in blocks]),
            position,
        )

    def _add_block(
        self, blocks: list[tuple[npt.NDArray[np.int64], Records]], start: int, count: int
    ) -> bool:
        """Commit words first, the records after them: a copy made in one go could hold a new
        commit word behind old contents."""
        is_committed = self._records(start, count)["commit"] == fmt.COMMIT
        if not is_committed.any():
            return False
        records = self._records(start, count)
        found = np.flatnonzero(is_committed)
        blocks.append((found + start, records[found]))
        return True

    def _records(self, start: int, count: int) -> Records:
        wanted = count * fmt.RECORD_BYTES
        data = self._read(self.header.records_offset + start * fmt.RECORD_BYTES, wanted)
        if len(data) < wanted:
            raise SegmentError(
                f"{self.path} was cut off while it was being read. It is set aside; check the disk."
            )
        return np.frombuffer(data, RECORD)

    def _is_wanted(self, slot: int) -> bool:
        return slot >= self.next_slot or slot in self.holes

    def _is_ready(
        self, slots: npt.NDArray[np.int64], records: Records, is_final: bool
    ) -> npt.NDArray[np.bool_]:
        """Records whose name and attributes are there, or will never be."""
        if is_final or self.heap.is_broken:
            return np.ones(len(slots), np.bool_)
        ready = np.isin(records["name"], np.fromiter(self.heap.names, np.int64))
        for row in np.flatnonzero(records["flags"] & fmt.Flag.HAS_FRAME).tolist():
            slot = int(slots[row])
            if slot not in self.heap.payloads and slot not in self.heap.damaged:
                ready[row] = False
        return ready

    def _holes(self, taken: npt.NDArray[np.int64], next_slot: int) -> tuple[int, ...]:
        if not self.holes and len(taken) == next_slot - self.next_slot:
            return ()
        open_slots = set(self.holes) | set(range(self.next_slot, next_slot))
        return tuple(sorted(open_slots.difference(taken.tolist())))

    def _sound(
        self, records: Records, slots: npt.NDArray[np.int64]
    ) -> tuple[Records, npt.NDArray[np.int64], int]:
        """Records that can be spans at all, and how many are damaged in any way."""
        possible = (
            (records["span_id"] != 0)
            & ((records["trace_high"] | records["trace_low"]) != 0)
            & (records["duration"] < MAX_NS)
            & (records["start"] < MAX_NS)
        )
        kept, kept_slots = records[possible], slots[possible]
        known = np.fromiter(self.heap.names, np.int64, len(self.heap.names))
        nameless = ~np.isin(kept["name"], known)
        frameless = sum(
            int(slot) not in self.heap.payloads
            for slot in kept_slots[(kept["flags"] & fmt.Flag.HAS_FRAME) != 0].tolist()
        )
        damaged = int(len(records) - len(kept)) + int(nameless.sum()) + frameless
        return kept, kept_slots, damaged

    def _payloads(self, rows: Records, slots: npt.NDArray[np.int64]) -> dict[int, bytes]:
        if not self.heap.payloads:
            return {}
        found = {}
        for row in np.flatnonzero(rows["flags"] & fmt.Flag.HAS_FRAME).tolist():
            payload = self.heap.payloads.get(int(slots[row]))
            if payload is not None:
                found[row] = payload
        return found

    def _read(self, offset: int, count: int) -> bytes:
        try:
            if hasattr(os, "pread"):
                return os.pread(self._fd, count, offset)
            os.lseek(self._fd, offset, os.SEEK_SET)
            return os.read(self._fd, count)
        except OSError as error:
            raise SegmentError(f"{self.path} cannot be read: {error.strerror}.") from error

    def _check_size(self) -> None:
        size = os.fstat(self._fd).st_size
        if size < self.header.heap_end:
            raise SegmentError(
                f"{self.path} is truncated: it has {size} of {self.header.heap_end} bytes. "
                "It is set aside; check the disk it was written to."
            )


def _trace_order(rows: Records) -> npt.NDArray[np.int64]:
    """Puts each trace's spans side by side, traces by their first span: runs of equal ids compress
    (with 32 requests at once 30 instead of 60 bytes a span in the store)."""
    _, first, group = np.unique(rows["trace_low"], return_index=True, return_inverse=True)
    return np.argsort(first[group], kind="stable")


def writer_gone(path: Path) -> bool:
    """Whether nobody can write to the segment `path` any more. Raises SegmentError."""
    reader = SegmentReader(path)
    try:
        return reader.is_writer_gone()
    finally:
        reader.close()
