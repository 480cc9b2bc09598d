"""The clocks of a GPU collector, as one value that a test replaces."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant on both clocks; the wall clock may be set, the monotonic one may not."""

    wall_ns: int
    monotonic_ns: int


@dataclass(frozen=True, slots=True)
class Clocks:
    """Wall, monotonic, and the CPU time of the calling thread."""

    wall_ns: Callable[[], int] = time.time_ns
    monotonic_ns: Callable[[], int] = time.monotonic_ns
    cpu_ns: Callable[[], int] = time.thread_time_ns

    def moment(self, latest_monotonic_ns: int | None = None) -> Moment:
        """Now, or the moment before it at which the monotonic clock stood so."""
        wall, monotonic = self.wall_ns(), self.monotonic_ns()
        late = 0 if latest_monotonic_ns is None else max(monotonic - latest_monotonic_ns, 0)
        return Moment(wall - late, monotonic - late)
