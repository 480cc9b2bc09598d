"""Makes a mapping's pages writable in one go, before anything is stored: 1-2 us each, against 10 us
for each one's own fault.

Pages of 2 MiB, where the file system has them (ext4 from Linux 6.16, XFS), cost a third of that a
byte. But the first store after the kernel wrote such a page out dirties all of it: they are for
processes that fill a segment before that happens. And where they cannot be had (memory in pieces,
huge pages set to "never"), asking for them costs twice as much as small ones: so it is measured.
"""

from __future__ import annotations

import mmap
import sys

from latprobe.clock import thread_cpu_ns

# Linux 5.14; Python's mmap has no name for the first one, and systems without huge pages none for
# the others.
MADV_POPULATE_WRITE = 23
MADV_HUGEPAGE = 14
MADV_NOHUGEPAGE = 15
LARGE_BYTES = 2 << 20
# Mappings that get small pages after one for which large ones were dearer.
PAUSE = 8


class Prefault:
    """Prefaults one mapping after another, and remembers what that cost."""

    __slots__ = ("pause", "small_cost")

    def __init__(self) -> None:
        self.small_cost: float | None = None  # ns a byte with small pages, the last time
        self.pause = 0

    def run(self, buffer: mmap.mmap, *, is_filled_soon: bool) -> None:
        """Where the system cannot (Linux before 5.14, others), the faults come one by one."""
        if sys.platform != "linux":
            return
        done = 0
        if is_filled_soon and self.small_cost is not None and len(buffer) >= LARGE_BYTES:
            if self.pause:
                self.pause -= 1
            else:
                done = self._large(buffer, self.small_cost)
        if done == 0:
            self.small_cost = _populate(buffer, 0, len(buffer))
        elif done < len(buffer):
            _populate(buffer, done, len(buffer) - done)

    def _large(self, buffer: mmap.mmap, small_cost: float) -> int:
        """How many bytes are done: whole large pages, until one of them was dearer than small."""
        done = 0
        if not _advise(buffer, MADV_HUGEPAGE, 0, len(buffer)):
            self.pause = PAUSE
            return 0
        while done + LARGE_BYTES <= len(buffer):
            cost = _populate(buffer, done, LARGE_BYTES)
            done += LARGE_BYTES
            if cost is None or cost > small_cost:
                self.pause = PAUSE
                break
        if done < len(buffer):
            _advise(buffer, MADV_NOHUGEPAGE, done, len(buffer) - done)
        return done


def _populate(buffer: mmap.mmap, start: int, size: int) -> float | None:
    """CPU time of this thread, ns a byte; None where the system cannot."""
    before = thread_cpu_ns()
    done = _advise(buffer, MADV_POPULATE_WRITE, start, size)
    return (thread_cpu_ns() - before) / size if done else None


def _advise(buffer: mmap.mmap, advice: int, start: int, size: int) -> bool:
    """Whether the system took it."""
    try:
        buffer.madvise(advice, start, size)
    except OSError as error:
        if error.errno is None:
            raise  # a TimeoutError that a signal handler raised, and no system call
        return False
    return True


# The process's.
prefault = Prefault()
