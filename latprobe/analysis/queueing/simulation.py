"""When work starts that waits in line for one of n servers."""

from __future__ import annotations

from heapq import heapify, heapreplace

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.spans import Ints


def simulate(
    ready_ns: NDArray[np.generic],
    service_ns: NDArray[np.generic],
    servers: int,
    *,
    order: Ints | None = None,
    handoff_ns: int = 0,
) -> Ints:
    """When each piece of work starts: first come, first served, by `servers` equal servers.

    Rows may stand in any order; ties go by row. `order` gives rows in the order in which they are
    served where that is known; without it they are served as they become ready. `handoff_ns` is
    the time a server needs between two pieces of work. The result is in the order of the rows.
    Raises ValueError for fewer than one server.
    """
    if servers < 1:
        raise ValueError("A queue needs at least one server.")
    ready = np.asarray(ready_ns, np.int64)
    service = np.maximum(np.asarray(service_ns, np.int64), 0)
    if order is None:
        order = np.argsort(ready, kind="stable")
    if servers >= len(ready):
        return ready.copy()
    started = np.empty(len(ready), np.int64)
    in_turn = _one if servers == 1 else _many
    started[order] = in_turn(ready[order], service[order], servers, handoff_ns)
    return started


def _one(ready: Ints, service: Ints, _servers: int, handoff_ns: int) -> Ints:
    """Lindley's recursion, solved at once: start = work before + the largest lateness so far."""
    before = np.concatenate(([0], np.cumsum(service[:-1] + handoff_ns)))
    lateness = np.maximum.accumulate(ready - before)
    return before + lateness


def _many(ready: Ints, service: Ints, servers: int, handoff_ns: int) -> Ints:
    free_at = [np.iinfo(np.int64).min // 2] * servers
    heapify(free_at)
    starts: list[int] = []
    note = starts.append
    for at, takes in zip(ready.tolist(), service.tolist(), strict=True):
        begin = max(at, free_at[0])
        heapreplace(free_at, begin + takes + handoff_ns)
        note(begin)
    return np.array(starts, np.int64)
