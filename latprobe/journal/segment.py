"""The segment file format, version 1: the numbers and structs both sides share.

`docs/journal-format.md` describes it in words; a test keeps the two in step.
"""

from __future__ import annotations

import struct
from enum import IntEnum, IntFlag

MAGIC = b"LATPROBE"
VERSION = 1
SUFFIX = ".lpj"

HEADER_BYTES = 256
RECORD_BYTES = 64

# magic, version, header bytes, record bytes, state, pid, record capacity, segment number,
# wall ns, monotonic ns, run id, records offset, heap offset, heap end, dropped spans
HEADER = struct.Struct("<8sHHHHIIQqq16sQQQQ")
STATE_OFFSET = 14
DROPPED_OFFSET = 88
DROPPED = struct.Struct("<Q")
STATE_OPEN = 0
STATE_SEALED = 1

# trace id (high, low), span id, parent span id, start (monotonic ns), duration ns,
# cpu (us), name number, thread number, flags, reserved, commit word
RECORD = struct.Struct("<QQQQQQIIHBBI")
COMMIT = 0x4B4F504C
COMMIT_OFFSET = RECORD_BYTES - 4
COMMIT_BYTES = COMMIT.to_bytes(4, "little")

# The same 64 bytes as the writer stores them, in as few arguments as can be: the trace id is bytes,
# CPU time and name are one number, and so are thread, flags, reserved and commit word, the tail.
PACKED_RECORD = struct.Struct("<16sQQQQQQ")
COMMITTED = COMMIT << 32
FLAGS_SHIFT = 16
NAME_SHIFT = 32
CPU_UNKNOWN = 0xFFFF_FFFF

# frame type, reserved, record or name or thread number, crc32 of the payload, then the word that
# commits the frame: payload bytes with FRAME_COMMIT set
FRAME = struct.Struct("<HHIII")
# The same with type and reserved in one number.
PACKED_FRAME = struct.Struct("<IIII")
FRAME_ALIGN = 8
FRAME_COMMIT = 0x8000_0000
MAX_PAYLOAD_BYTES = 64 << 20


class FrameType(IntEnum):
    """What a heap frame's payload holds."""

    RUN = 1
    NAME = 2
    THREAD = 3
    SPAN = 4
    LATE = 5


class Flag(IntFlag):
    """The record's flag byte: span kind in bits 0-2, status in bits 3-4."""

    KIND_MASK = 0b0000_0111
    STATUS_OK = 0b0000_1000
    STATUS_ERROR = 0b0001_0000
    HAS_FRAME = 0b0010_0000
    REMOTE_PARENT = 0b0100_0000


KINDS = ("internal", "server", "client", "producer", "consumer")


def frame_bytes(payload_bytes: int) -> int:
    """How much heap a frame of that payload takes, header and padding included."""
    return (FRAME.size + payload_bytes + FRAME_ALIGN - 1) & -FRAME_ALIGN


assert HEADER.size <= HEADER_BYTES
assert RECORD.size == PACKED_RECORD.size == RECORD_BYTES
assert FRAME.size == PACKED_FRAME.size
