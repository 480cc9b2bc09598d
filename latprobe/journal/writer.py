"""The writing side of the journal: one per process, called on the user's threads.

Lean spans (no attributes) are written by `latprobe.recorder` straight into the current segment:
its `offsets` are handed out atomically, so that needs no lock. Spans with attributes are written
there too, one at a time (`is_busy`). Everything else comes here, under one re-entrant lock as well:
names, threads, and the switch to a new segment. A signal handler that records a span while its own
thread is at it finds that in `busy_thread` and leaves the span to be written when the interrupted
call is done.
"""

from __future__ import annotations

import errno
import marshal
import os
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, Protocol

from latprobe import guard
from latprobe.clock import clock_pair, monotonic_ns
from latprobe.journal import segment as fmt
from latprobe.journal.layout import FIRST_SEGMENT_BYTES, Filling
from latprobe.journal.mapped_segment import Segment, map_file, no_segment, seal
from latprobe.journal.parked import MAX_PARKED, Parked
from latprobe.journal.plain import plain_text
from latprobe.journal.segment import FrameType, frame_bytes
from latprobe.journal.thread_keys import ThreadKey, key_of_this_thread

HEADER_RECORDS = fmt.HEADER_BYTES // fmt.RECORD_BYTES
HAS_FRAME = fmt.Flag.HAS_FRAME.value << fmt.FLAGS_SHIFT
RETRY_NS = 500_000_000
OTHER_THREAD = 0xFFFF


class Finished(Protocol):
    """A span that has ended, as the journal takes it."""

    journal_key: Hashable  # the name, or (name, modality, scope)
    thread_key: ThreadKey  # of the thread that ended it

    def pack(self, buffer: Any, offset: int, named: int, tail: int) -> None:
        """Writes the 64-byte record; its CPU time is set in `named`, its flags in `tail`."""


class Writer:
    """Owns this process's current segment. `segment` is read by the recorder without a lock."""

    def __init__(
        self,
        folder: Path,
        *,
        run_id: bytes,
        run: dict[str, Any],
        segment_bytes: int,
        on_segment: Callable[[], None] = lambda: None,
    ) -> None:
        self.folder = folder
        self.run_id = run_id
        self.run = run
        self.segment_bytes = segment_bytes
        self.on_segment = on_segment
        self.segment = no_segment()
        self.dropped = 0
        self._number = 0
        self._begun: tuple[Any, int] = (b"", 0)
        self.lock = threading.RLock()
        # The heap is written to by one span at a time: whoever finds `is_busy` False and sets it in
        # one line of Python. `busy_thread` tells a signal handler that it interrupted that one.
        self.is_busy = False
        self.busy_thread: ThreadKey | None = None
        self.waiting: deque[tuple[Finished, bytes | None]] = deque()
        self._parked = Parked()  # what waited when the disk was full
        self._retry_at_ns = 0
        self._filling = Filling()
        self._created_ns = 0

    def write(self, span: Finished, payload: bytes | None) -> None:
        """Journals a finished span, whatever it takes; parks or counts it when the disk is full."""
        self.waiting.append((span, payload))
        self.drain()

    def drain(self) -> None:
        """Writes what waits: also what signal handlers left behind."""
        key = key_of_this_thread()
        if self.busy_thread is key:  # a signal handler, on the thread that is just below this line
            return
        with self.lock:
            try:
                self._take_heap(key)
                self._drain()
            finally:  # no call in here: a signal handler might raise in its place
                if self.busy_thread is key:
                    self.busy_thread = None
                    self.is_busy = False

    def _take_heap(self, key: ThreadKey) -> None:
        """Waits until no other thread writes to the heap: microseconds, and rarely."""
        while True:
            busy, self.is_busy = self.is_busy, True  # in one step, as in latprobe.recorder
            if not busy or sys.is_finalizing():  # a daemon thread that was at it never goes on
                self.busy_thread = key
                return
            time.sleep(0)  # lets that thread run

    def write_late(self, facts: list[tuple[int, int, int, dict[str, Any]]]) -> bool:
        """Journals facts of spans that have ended, each (trace id high, low, span id, facts).

        False where that cannot be now: the disk is full, or this is a signal handler in the middle
        of a write. Raises ValueError for values that marshal refuses.
        """
        payload = marshal.dumps(facts, 2)
        key = key_of_this_thread()
        if self.busy_thread is key:
            return False
        with self.lock:
            try:
                self._take_heap(key)
                if self.segment.append(FrameType.LATE, 0, payload):
                    return True
                need = frame_bytes(len(payload))
                return self._switch(need) and self.segment.append(FrameType.LATE, 0, payload)
            finally:
                if self.busy_thread is key:
                    self.busy_thread = None
                    self.is_busy = False

    def close(self) -> None:
        """Writes what is parked, if it can be, and lets the segment go."""
        with self.lock:
            self._retry_at_ns = 0
            self.drain()
            self.segment = no_segment()

    def after_fork(self, run: dict[str, Any]) -> None:
        """In the child: forgets the parent's mapping, lock and parked spans."""
        self.segment = no_segment()
        self.run = run
        self.dropped = 0
        self._number = 0
        self.lock = threading.RLock()
        self.is_busy = False
        self.busy_thread = None
        self.waiting = deque()
        self._parked = Parked()
        self._retry_at_ns = 0

    @property
    def parked(self) -> int:
        """Spans in memory that wait for room on the disk."""
        return len(self._parked) + len(self.waiting)

    def _drain(self) -> None:
        while self._parked or self.waiting:
            entry = self._parked.take() if self._parked else self.waiting.popleft()
            span, payload = entry
            try:
                stored = self._store(span, payload)
            except (struct.error, ValueError, OverflowError) as error:
                # A number that does not fit, or a mapping closed by interpreter shutdown.
                self.drop()
                guard.report("writing a span", error)
                continue
            except BaseException:  # raised by a signal handler in the middle of it
                if not self._is_committed():
                    self._parked.put_back(entry)
                raise
            if not stored:
                self._parked.put_back(entry)
                self._park()
                return

    def _is_committed(self) -> bool:
        """Whether the record that was begun last is there as a whole."""
        buffer, offset = self._begun
        word = bytes(buffer[offset + fmt.COMMIT_OFFSET : offset + fmt.RECORD_BYTES])
        return word == fmt.COMMIT_BYTES

    def _store(self, span: Finished, payload: bytes | None) -> bool:
        """Puts one span into the current or a new segment; False when none can be had."""
        need = 0 if payload is None else frame_bytes(len(payload))
        for _ in range(3):
            segment = self.segment
            if self._knows_name(segment, span.journal_key) and self._knows_thread(
                segment, span.thread_key
            ):
                offset = segment.room_for(payload)
                if offset is not None:
                    self._fill(segment, offset, span, payload)
                    return True
            if not self._switch(need):
                return False
        return False

    def _fill(self, segment: Segment, offset: int, span: Finished, payload: bytes | None) -> None:
        self._begun = (segment.buffer, offset)
        tail = segment.threads[span.thread_key]
        if payload is not None:
            number = offset // fmt.RECORD_BYTES - HEADER_RECORDS
            segment.append(FrameType.SPAN, number, payload)
            tail |= HAS_FRAME
        span.pack(segment.buffer, offset, segment.names[span.journal_key], tail)

    def _knows_name(self, segment: Segment, key: Hashable) -> bool:
        """Numbers the name in this segment; False when its heap is full."""
        if key in segment.names:
            return True
        number = len(segment.names)
        said = key if isinstance(key, tuple) else (key, None, None)
        parts = tuple(None if part is None else plain_text(part) for part in said)
        if not segment.append(FrameType.NAME, number, marshal.dumps(parts, 2)):
            return False
        segment.names[key] = number << fmt.NAME_SHIFT | fmt.CPU_UNKNOWN
        return True

    def _knows_thread(self, segment: Segment, key: ThreadKey) -> bool:
        """Numbers the thread in this segment; False when its heap is full."""
        if key in segment.threads:
            return True
        number = min(len(segment.threads), OTHER_THREAD)
        parts = (key.native_id, key.name)
        if not segment.append(FrameType.THREAD, number, marshal.dumps(parts, 2)):
            return False
        segment.threads[key] = number | fmt.COMMITTED
        return True

    def _switch(self, need: int) -> bool:
        """Replaces the current segment by a fresh one with room for a frame of `need` bytes."""
        if monotonic_ns() < self._retry_at_ns:
            return False
        old = self.segment
        used = min(next(old.offsets), old.limit) // fmt.RECORD_BYTES
        if used:
            self._filling.note(old, records=used, took_ns=monotonic_ns() - self._created_ns)
            seal(old)
        try:
            self.segment = self._create(need)
        except OSError as error:
            if error.errno is None:
                raise  # a TimeoutError that a signal handler raised, and no system call
            self.segment = no_segment()
            self._retry_at_ns = monotonic_ns() + RETRY_NS
            self._explain(error)
            return False
        self.on_segment()
        return True

    def _create(self, need: int) -> Segment:
        size = FIRST_SEGMENT_BYTES if self._number == 0 else self.segment_bytes
        size = min(size, self.segment_bytes)
        run = marshal.dumps(self.run, 2)
        plan = self._filling.layout(size=size, run_bytes=len(run), need=need)
        wall_ns, mono_ns = clock_pair()
        header = fmt.HEADER.pack(
            fmt.MAGIC, fmt.VERSION, fmt.HEADER_BYTES, fmt.RECORD_BYTES, fmt.STATE_OPEN,
            os.getpid(), plan.capacity, self._number, wall_ns, mono_ns, self.run_id,
            fmt.HEADER_BYTES, plan.heap_start, plan.heap_end, self.dropped,
        )  # fmt: skip
        buffer = map_file(
            self.folder, self._number, plan.heap_end, header, is_filled_soon=plan.is_filled_soon
        )
        self._created_ns = mono_ns
        self._number += 1
        segment = plan.segment_in(buffer)
        segment.append(FrameType.RUN, 0, run)
        return segment

    def drop(self) -> None:
        """Counts a span that is lost, where readers of the current segment see it."""
        self.dropped += 1
        if len(self.segment.buffer):
            fmt.DROPPED.pack_into(self.segment.buffer, fmt.DROPPED_OFFSET, self.dropped)

    def _park(self) -> None:
        """Keeps the newest spans; drops and counts older ones."""
        while self.waiting:
            self._parked.append(self.waiting.popleft())
        while self._parked.is_too_much:
            self._parked.take()
            self.drop()

    def _explain(self, error: OSError) -> None:
        if guard.faults.get("journal"):
            return
        guard.faults["journal"] = 1
        elsewhere = "set LATPROBE_HOME to a folder you can write"
        what = {
            errno.ENOSPC: "the disk is full; free some space",
            errno.EDQUOT: "the disk quota is reached; free some space",
            errno.EROFS: f"the file system is read-only; {elsewhere}",
            errno.EACCES: f"permission denied; {elsewhere}",
            errno.ENOTDIR: f"it is not a folder; {elsewhere}",
        }.get(error.errno or 0, f"{error.strerror}; {elsewhere}")
        guard.say(
            f"cannot record into {self.folder}: {what}. Your program goes on; up to "
            f"{MAX_PARKED:,} spans wait in memory and recording resumes by itself."
        )
