"""A segment file from outside: its header, and whether somebody still writes to it."""

from __future__ import annotations

import os
import stat
import uuid
from dataclasses import dataclass
from pathlib import Path

from latprobe.errors import SegmentError
from latprobe.journal import segment as fmt

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

MAX_NS = 1 << 62


class UnknownVersionError(SegmentError):
    """The segment was written by a newer latprobe; it must be left where it is."""


@dataclass(frozen=True, slots=True)
class Header:
    """A segment's header. Times in ns."""

    state: int
    pid: int
    capacity: int
    number: int
    wall_ns: int
    monotonic_ns: int
    run_uuid: uuid.UUID
    records_offset: int
    heap_offset: int
    heap_end: int
    dropped: int


def open_segment(path: Path) -> int:
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    flags |= getattr(os, "O_NONBLOCK", 0)  # a fifo must not hold us up
    try:
        fd = os.open(path, flags)
    except FileNotFoundError as error:
        raise SegmentError(f"{path} is gone.") from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise SegmentError(f"{path} is not a file. It is set aside.")
    return fd


def parse_header(data: bytes, path: Path) -> Header:
    if data[:8] != fmt.MAGIC:
        raise SegmentError(f"{path} is not a latprobe journal segment. It is set aside.")
    if len(data) < fmt.HEADER_BYTES:
        raise SegmentError(f"{path} is truncated within its header. It is set aside.")
    _, version, header_bytes, record_bytes, *values = fmt.HEADER.unpack_from(data)
    if version != fmt.VERSION:
        raise UnknownVersionError(
            f"{path} has journal format {version}, this latprobe reads {fmt.VERSION}. "
            "It stays where it is; upgrade latprobe to read it."
        )
    state, pid, capacity, number, wall, monotonic, run_id, records, heap, heap_end, dropped = values
    header = Header(
        state, pid, capacity, number, wall, monotonic, uuid.UUID(bytes=run_id),
        records, heap, heap_end, dropped,
    )  # fmt: skip
    is_sound = (
        header_bytes == fmt.HEADER_BYTES
        and record_bytes == fmt.RECORD_BYTES
        and records >= fmt.HEADER_BYTES
        and records + capacity * fmt.RECORD_BYTES <= heap <= heap_end < MAX_NS
        and abs(wall) < MAX_NS
        and abs(monotonic) < MAX_NS
    )
    if not is_sound:
        raise SegmentError(f"{path} has a damaged header. It is set aside.")
    return header


def is_unlocked(fd: int, pid: int) -> bool:
    if fcntl is None:
        import psutil

        return not psutil.pid_exists(pid)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        import psutil

        return not psutil.pid_exists(pid)
    fcntl.flock(fd, fcntl.LOCK_UN)
    return True
