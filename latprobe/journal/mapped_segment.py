"""One mapped segment file, as its writer has it."""

from __future__ import annotations

import itertools
import mmap
import os
import zlib
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

from latprobe.journal import segment as fmt
from latprobe.journal.prefault import prefault
from latprobe.journal.segment import FrameType, frame_bytes
from latprobe.journal.thread_keys import ThreadKey

try:
    import fcntl
except ImportError:  # Windows: readers ask whether the pid lives
    fcntl = None  # type: ignore[assignment]

FRAME_BYTES = fmt.FRAME.size
pack_frame = fmt.PACKED_FRAME.pack_into


class Segment:
    """One mapped segment. It is unlocked and closed when the last thread using it lets go."""

    __slots__ = (
        "buffer", "heap_end", "heap_start", "heap_top", "limit", "names", "offsets", "threads",
    )  # fmt: skip

    def __init__(self, buffer: Any, *, limit: int, heap_start: int, heap_end: int) -> None:
        self.buffer = buffer
        self.limit = limit
        self.heap_start = heap_start
        self.heap_top = heap_start
        self.heap_end = heap_end
        # name -> the record's word of name number and CPU time, the latter unknown
        self.names: dict[Hashable, int] = {}
        # thread -> the record's tail without flags: thread number and commit word
        self.threads: dict[ThreadKey, int] = {}
        # of the records; `next` hands them out atomically
        self.offsets: Iterator[int] = itertools.count(fmt.HEADER_BYTES, fmt.RECORD_BYTES)

    def room_for(self, payload: bytes | None) -> int | None:
        """The offset of a slot for a record that comes with this payload, None if there is none."""
        if payload is not None and self.heap_top + frame_bytes(len(payload)) > self.heap_end:
            return None
        offset = next(self.offsets)
        return offset if offset < self.limit else None

    def append(self, kind: FrameType, number: int, payload: bytes) -> bool:
        """Adds a heap frame; False when it does not fit."""
        start = self.heap_top
        after = start + frame_bytes(len(payload))
        if after > self.heap_end:
            return False
        body = start + fmt.FRAME.size
        self.buffer[body : body + len(payload)] = payload
        committed = len(payload) | fmt.FRAME_COMMIT
        pack_frame(self.buffer, start, kind, number, zlib.crc32(payload), committed)
        self.heap_top = after
        return True


def no_segment() -> Segment:
    """Stands in while there is none: has no room for anything, so each span takes the slow path."""
    return Segment(bytearray(), limit=0, heap_start=0, heap_end=0)


def seal(segment: Segment) -> None:
    """Tells readers that no new record will be started in it."""
    segment.buffer[fmt.STATE_OFFSET] = fmt.STATE_SEALED


def map_file(
    folder: Path, number: int, size: int, header: bytes, *, is_filled_soon: bool = False
) -> mmap.mmap:
    """A new, allocated, locked, mapped segment file that starts with `header`.

    The blocks are allocated before the mapping, so that a full disk raises OSError here instead of
    killing the process with SIGBUS at some later store.
    """
    stem = f"{os.getpid()}-{number}-{os.urandom(4).hex()}"
    temporary = folder / f"{stem}.tmp"
    fd = -1
    try:
        # Not asked first whether the folder is there: os.path.isdir swallows every OSError, also
        # the TimeoutError of a signal handler.
        try:
            fd = _create(temporary)
        except FileNotFoundError:
            make_private(folder)
            fd = _create(temporary)
        if fcntl is not None:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _allocate(fd, size)
        buffer = mmap.mmap(fd, size)
        prefault.run(buffer, is_filled_soon=is_filled_soon)
        buffer[: len(header)] = header
        os.rename(temporary, folder / f"{stem}{fmt.SUFFIX}")
    except BaseException:  # a signal handler's too: nobody would clean up after it
        temporary.unlink(missing_ok=True)
        raise
    finally:
        # The mapping keeps a duplicate of the descriptor, and with it the lock.
        if fd >= 0:
            os.close(fd)
    return buffer


def make_private(folder: Path) -> None:
    """Creates the store's folder and the journal's in it, for this user only."""
    # mkdir gives its mode to the last folder only.
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def _create(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)


def _allocate(fd: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, 0, size)
        return
    block = bytes(1 << 20)
    for start in range(0, size, len(block)):
        os.write(fd, block[: size - start])
