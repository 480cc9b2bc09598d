"""Random ids: 64-bit span ids and 128-bit trace ids, never zero, reseeded in a forked child."""

from __future__ import annotations

import os
import random

_random = random.Random(int.from_bytes(os.urandom(16), "big"))
random_bits = _random.getrandbits


def new_span_id() -> int:
    """A 64-bit id that is not 0."""
    return random_bits(64) or 1


def new_trace_id() -> int:
    """A 128-bit id that is not 0."""
    return random_bits(128) or 1


def reseed() -> None:
    """Makes a forked child draw other ids than its parent."""
    _random.seed(int.from_bytes(os.urandom(16), "big"))


os.register_at_fork(after_in_child=reseed)
