"""Trace ids are random 128-bit numbers; span ids count up from a random 63-bit start.

Counting is a third cheaper than drawing, and neighbouring ids compress to two bytes in the store
where random ones take eight. Two processes whose spans meet in one trace would have to start within
a few million of each other out of 2**63.
"""

from __future__ import annotations

import itertools
import os
import random
import struct
from collections.abc import Callable

HALVES = struct.Struct("<QQ")
LOW_HALF = (1 << 64) - 1

_random = random.Random(int.from_bytes(os.urandom(16), "big"))
random_bits = _random.getrandbits


def span_ids() -> Callable[[], int]:
    """A source of span ids that starts somewhere new; drawing from it is atomic."""
    return itertools.count(_random.getrandbits(63) | 1).__next__


def trace_bytes(trace_id: int) -> bytes:
    """A trace id as a journal record has it: the high half, then the low one."""
    return HALVES.pack(trace_id >> 64, trace_id & LOW_HALF)


def trace_number(trace: bytes) -> int:
    """The trace id of such bytes."""
    high, low = HALVES.unpack(trace)
    return int(high) << 64 | int(low)


def reseed() -> None:
    """Makes a forked child draw other ids than its parent."""
    _random.seed(int.from_bytes(os.urandom(16), "big"))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=reseed)
