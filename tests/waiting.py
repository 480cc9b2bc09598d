"""Waiting for something another process does, without a fixed sleep."""

from __future__ import annotations

import threading
from collections.abc import Callable

from latprobe.clock import monotonic_ns


def wait_until(predicate: Callable[[], object], *, timeout_s: float = 60.0) -> None:
    """Returns as soon as `predicate()` is true; fails the test when that takes too long."""
    pause = threading.Event()
    deadline = monotonic_ns() + int(timeout_s * 1e9)
    while not predicate():
        if monotonic_ns() > deadline:
            raise AssertionError(f"still false after {timeout_s} s: {predicate}")
        pause.wait(0.01)
