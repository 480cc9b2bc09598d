"""How much of a stage runs at once."""

from __future__ import annotations

import numpy as np

from latprobe.analysis.spans import Ints


def others_running(start_ns: Ints, end_ns: Ints, *, tolerance_ns: int = 0) -> Ints:
    """How many earlier spans were still running when each one started.

    A span that ends within the tolerance after the start counts as ended: it handed over. Spans
    that start together count in the order of their rows.
    """
    order = np.argsort(start_ns, kind="stable")
    start = start_ns[order]
    # At least 1 ns long, so that nothing counts as ended before it started.
    ended_at = np.sort(np.maximum(end_ns[order] - tolerance_ns, start + 1))
    running = np.empty(len(start), np.int64)
    running[order] = np.arange(len(start)) - np.searchsorted(ended_at, start, side="right")
    return running


def running_at(start_ns: Ints, end_ns: Ints, at_ns: Ints) -> Ints:
    """How many spans run at each moment; one that starts or ends right then does not count."""
    started = np.searchsorted(np.sort(start_ns), at_ns, side="left")
    ended = np.searchsorted(np.sort(np.maximum(end_ns, start_ns)), at_ns, side="right")
    return np.asarray(np.maximum(started - ended, 0))
