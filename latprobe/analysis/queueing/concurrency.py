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


def in_system(arrival_ns: Ints, start_ns: Ints, end_ns: Ints) -> Ints:
    """How many that came before each one, at work or waiting, are not done when it comes.

    With a fixed number of callers a request comes at the very moment that another one ends and a
    third, which waited, takes its place: fewer run then, and no server is free all the same. Who
    came at one moment counts in the order of the starts.
    """
    order = np.lexsort((start_ns, arrival_ns))
    ended = np.searchsorted(np.sort(np.maximum(end_ns, arrival_ns)), arrival_ns, side="right")
    before = np.empty(len(arrival_ns), np.int64)
    before[order] = np.arange(len(arrival_ns))
    return np.asarray(np.maximum(before - ended, 0))
