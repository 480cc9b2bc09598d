"""Queues inside a stage's own span: a semaphore that is awaited within the stage.

Such a span is waiting and work in one. Where its length grows with how many of its kind other
requests run, its place in its own request held fixed (see contrast.py), n servers are looked for
that end the recorded work when it ended: service begins when the n-th last before it ended. The
least n that contradicts no recorded end, and after which the work no longer depends on the crowd,
stands. Otherwise the stage is slowed by its neighbours and no queue says how.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import heapify, heapreplace

import numpy as np

from latprobe.analysis.queueing.concurrency import others_running
from latprobe.analysis.queueing.servers import tolerance_ns
from latprobe.analysis.spans import Ints
from latprobe.analysis.whatif.contrast import (
    correlation,
    crowd_of_others,
    excess_ns,
    places,
    request_of,
    requests_overlap,
)
from latprobe.analysis.whatif.recording import Recording

# Fewer spans, or fewer that met another, do not show what a crowd costs.
_FEWEST = 40

# A rank correlation under this is small, and one under so many standard errors chance.
_LEAST_CORRELATION = 0.15
_SURE = 4.0

# A crowd that adds a smaller share of the stage's own time is no matter.
_LEAST_EXCESS = 0.01

# Spans that would have ended before they could begin, and still n stands.
_MOST_IMPOSSIBLE = 0.01

# What of the correlation may be left once waiting is taken off. As much the other way says that too
# much was taken off: there are more servers.
_LEFT = 0.35

_MOST_SERVERS = 64


@dataclass(frozen=True, slots=True)
class Uncovered:
    """The recording with such spans starting when their work does. `crowded`: by name code, the
    share of all request time that neighbours seem to add without a queue that explains it."""

    recorded: Recording
    crowded: dict[int, float]


def uncover(recorded: Recording) -> Uncovered:
    """Takes the waiting out of the spans that hide a queue."""
    spans = recorded.spans
    total = max(float(spans.duration_ns[recorded.tree.root].sum()), 1.0)
    start = spans.start_ns.copy()
    crowded: dict[int, float] = {}
    if not requests_overlap(recorded):
        return Uncovered(recorded, crowded)
    for code, rows in _leaf_stages(recorded):
        begin, end = spans.start_ns[rows], spans.end_ns[rows]
        place = places(recorded, rows)
        crowd = crowd_of_others(begin, end, request_of(recorded, rows))
        if not _depends(end - begin, crowd, place):
            continue
        served = _served_from(begin, end, crowd, place)
        if served is not None:
            start[rows] = served
        else:
            crowded[code] = excess_ns(end - begin, crowd, place) / total
    return Uncovered(replace(recorded, spans=replace(spans, start_ns=start)), crowded)


def _leaf_stages(recorded: Recording) -> Iterator[tuple[int, Ints]]:
    """The rows of each stage without parts, in the order of their starts."""
    parent = recorded.parent
    is_leaf = np.ones(len(recorded), np.bool_)
    is_leaf[parent[parent >= 0]] = False
    is_leaf &= parent >= 0
    with_parts = np.unique(recorded.name[~is_leaf])
    rows = np.flatnonzero(is_leaf & ~np.isin(recorded.name, with_parts))
    rows = rows[np.lexsort((recorded.spans.start_ns[rows], recorded.name[rows]))]
    if len(rows) == 0:
        return
    codes, first = np.unique(recorded.name[rows], return_index=True)
    for code, part in zip(codes.tolist(), np.split(rows, first[1:]), strict=True):
        if len(part) >= _FEWEST:
            yield code, part


def _depends(length: Ints, crowd: Ints, place: Ints) -> bool:
    if int((crowd > 0).sum()) < _FEWEST // 2:
        return False
    found = correlation(length, crowd, place)
    if found <= max(_LEAST_CORRELATION, _SURE / float(np.sqrt(len(length)))):
        return False
    return excess_ns(length, crowd, place) > _LEAST_EXCESS * float(length.sum())


def _served_from(start: Ints, end: Ints, crowd: Ints, place: Ints) -> Ints | None:
    """When each span's work began, for the least number of servers that fits; None if none does."""
    tolerance = tolerance_ns(end - start)
    most_left = _LEFT * correlation(end - start, crowd, place)
    most_left = max(most_left, 3 / float(np.sqrt(len(start))))
    for servers in range(1, min(int(others_running(start, end).max()), _MOST_SERVERS) + 1):
        served = _in_turn(start, end, servers)
        if float((served > end + tolerance).mean()) > _MOST_IMPOSSIBLE:
            continue
        served = np.minimum(served, end)
        waited = served - start > tolerance
        if int(waited.sum()) < _FEWEST // 2:
            return None
        left = correlation(end - served, crowd, place)
        if left >= -most_left:
            return served if left <= most_left else None
    return None


def _in_turn(start: Ints, end: Ints, servers: int) -> Ints:
    free_at = [int(start.min())] * servers
    heapify(free_at)
    begun = []
    for arrived, ended in zip(start.tolist(), end.tolist(), strict=True):
        begun.append(max(arrived, free_at[0]))
        heapreplace(free_at, ended)
    return np.array(begun, np.int64)
