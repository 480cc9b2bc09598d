"""A segment's heap: frames found so far, read again from where the last look stopped."""

from __future__ import annotations

import marshal
import zlib
from collections.abc import Callable
from typing import Any

from latprobe.journal import segment as fmt
from latprobe.journal.long_texts import unpack
from latprobe.journal.segment import FrameType, frame_bytes

CHUNK_BYTES = 64 << 10
# A frame whose checksum is wrong is looked at this often before it counts as damaged: on weakly
# ordered CPUs its commit word may be seen before its payload.
PATIENCE = 3

Name = tuple[str, str | None, str | None]
# Facts of a span that came after its record: trace id (high, low), span id, the facts by name.
Late = tuple[int, int, int, dict[str, Any]]


class Heap:
    """Names, threads, the run, late facts and the undecoded SPAN payloads of one segment.

    `read(offset, count)` gives the bytes of the file, fewer at its end.
    """

    def __init__(self, read: Callable[[int, int], bytes], *, start: int, end: int) -> None:
        self.run: dict[str, Any] | None = None
        self.names: dict[int, Name] = {}
        self.threads: dict[int, str] = {}
        self.payloads: dict[int, bytes] = {}
        self.late: list[Late] = []
        self.damaged: set[int] = set()
        self.is_broken = False
        self._read = read
        self._position = start
        self._end = end
        self._suspect = (0, 0)

    def scan(self, *, is_final: bool, wanted: Callable[[int], bool]) -> None:
        """Takes in all frames committed since the last scan.

        `wanted(record)` says whether that record's SPAN frame is still needed.
        """
        peek = fmt.FRAME.size
        while not self.is_broken and self._position + fmt.FRAME.size <= self._end:
            chunk = self._read(self._position, min(peek, self._end - self._position))
            if not self._scan_chunk(chunk, is_final, wanted):
                return
            peek = CHUNK_BYTES

    def _scan_chunk(self, chunk: bytes, is_final: bool, wanted: Callable[[int], bool]) -> bool:
        """False when the end of what is committed was reached."""
        offset = 0
        while offset + fmt.FRAME.size <= len(chunk):
            kind, _, number, crc, word = fmt.FRAME.unpack_from(chunk, offset)
            if word == 0:
                return False
            size = word & ~fmt.FRAME_COMMIT
            if not self._is_possible(word, size):
                self.is_broken = True
                return False
            body = offset + fmt.FRAME.size
            payload = chunk[body : body + size]
            if len(payload) < size:
                if offset:
                    return True
                payload = self._read(self._position + fmt.FRAME.size, size)
            if zlib.crc32(payload) == crc:
                self._keep(kind, number, payload, wanted)
            elif not self._give_up(is_final):
                return False
            elif kind == FrameType.SPAN:
                self.damaged.add(number)
            step = frame_bytes(size)
            self._position += step
            offset += step
        return len(chunk) >= fmt.FRAME.size

    def _is_possible(self, word: int, size: int) -> bool:
        return (
            bool(word & fmt.FRAME_COMMIT)
            and size <= fmt.MAX_PAYLOAD_BYTES
            and self._position + fmt.FRAME.size + size <= self._end
        )

    def _give_up(self, is_final: bool) -> bool:
        position, looks = self._suspect
        looks = looks + 1 if position == self._position else 1
        self._suspect = (self._position, looks)
        return is_final or looks >= PATIENCE

    def _keep(self, kind: int, number: int, payload: bytes, wanted: Callable[[int], bool]) -> None:
        if kind == FrameType.SPAN:
            if wanted(number):
                self.payloads[number] = payload
            return
        value = decode(payload)
        if kind == FrameType.NAME and isinstance(value, tuple) and len(value) == 3:
            self.names[number] = (_text(value[0]) or "", _text(value[1]), _text(value[2]))
        elif kind == FrameType.THREAD and isinstance(value, tuple) and len(value) == 2:
            self.threads[number] = _text(value[1]) or str(value[0])
        elif kind == FrameType.RUN and isinstance(value, dict):
            self.run = value
        elif kind == FrameType.LATE and isinstance(value, list):
            self.late.extend(filter(_is_late, value))


def decode(payload: bytes) -> Any:
    """The payload's value, None where it is not one."""
    try:
        value = marshal.loads(payload)
    except (ValueError, EOFError, TypeError):
        return None
    return unpack(value, payload) if type(value) is tuple and len(value) == 5 else value


def _is_late(value: object) -> bool:
    """Whether that are late facts of some span."""
    if not isinstance(value, tuple) or len(value) != 4 or not isinstance(value[3], dict):
        return False
    return all(type(part) is int and 0 <= part < 1 << 64 for part in value[:3])


def _text(value: object) -> str | None:
    """`value` as text that has a UTF-8 form."""
    return None if value is None else str(value).encode("utf-8", "replace").decode()
