"""Spans that wait in memory for room on the disk."""

from __future__ import annotations

from collections import deque
from typing import Any

MAX_PARKED = 10_000
MAX_PARKED_BYTES = 64 << 20

# A finished span and its payload.
Entry = tuple[Any, bytes | None]


class Parked:
    """In the order in which they ended. For whoever holds the writer's lock.

    The bytes of payloads are kept as a sum: to add them up for each span while the disk is full
    would take longer than all else.
    """

    __slots__ = ("_bytes", "_entries")

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def append(self, entry: Entry) -> None:
        """Adds the newest."""
        self._entries.append(entry)
        self._bytes += len(entry[1] or b"")

    def put_back(self, entry: Entry) -> None:
        """Undoes `take`."""
        self._entries.appendleft(entry)
        self._bytes += len(entry[1] or b"")

    def take(self) -> Entry:
        """The oldest. Raises IndexError where there is none."""
        entry = self._entries.popleft()
        self._bytes -= len(entry[1] or b"")
        return entry

    @property
    def is_too_much(self) -> bool:
        """More than 10,000 spans or 64 MiB."""
        return len(self._entries) > MAX_PARKED or self._bytes > MAX_PARKED_BYTES
