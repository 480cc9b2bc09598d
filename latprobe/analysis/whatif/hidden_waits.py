"""Queues inside a stage's own span: a semaphore that is awaited within the stage.

Such a span is waiting and work in one. Where its length grows with how many of its kind run, n
servers are looked for that end the recorded work when it ended: service begins when the n-th last
before it ended. The least n that contradicts no recorded end, and after which the work no longer
depends on the crowd, stands. Otherwise the stage is slowed by its neighbours and no queue says how.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import heapify, heapreplace

import numpy as np

from latprobe.analysis.queueing.concurrency import others_running
from latprobe.analysis.queueing.servers import tolerance_ns
from latprobe.analysis.spans import Ints
from latprobe.analysis.whatif.recording import Recording

# Fewer spans, or fewer that met another, do not show what a crowd costs.
_FEWEST = 40

# A rank correlation under this is small, and one under so many standard errors chance.
_LEAST_CORRELATION = 0.15
_SURE = 4.0

# Spans that would have ended before they could begin, and still n stands.
_MOST_IMPOSSIBLE = 0.01

# What of the correlation may be left once waiting is taken off.
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
    for code, rows in _leaf_stages(recorded):
        begin, end = spans.start_ns[rows], spans.end_ns[rows]
        crowd = others_running(begin, end)
        if not _depends(end - begin, crowd):
            continue
        served = _served_from(begin, end, crowd)
        if served is not None:
            start[rows] = served
        else:
            crowded[code] = _excess_ns(end - begin, crowd) / total
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


def _depends(length: Ints, crowd: Ints) -> bool:
    if int((crowd > 0).sum()) < _FEWEST // 2:
        return False
    found = correlation(length, crowd)
    return found > max(_LEAST_CORRELATION, _SURE / float(np.sqrt(len(length))))


def correlation(left: Ints, right: Ints) -> float:
    """The rank correlation; 0 where one does not vary."""
    first, second = _ranks(left), _ranks(right)
    spread = float(first.std() * second.std())
    if spread == 0:
        return 0.0
    return float(((first - first.mean()) * (second - second.mean())).mean()) / spread


def _ranks(values: Ints) -> np.ndarray:
    """Ranks, equal values sharing theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - (count - 1) / 2
    return np.asarray(middle[place], np.float64)


def _served_from(start: Ints, end: Ints, crowd: Ints) -> Ints | None:
    """When each span's work began, for the least number of servers that fits; None if none does."""
    tolerance = tolerance_ns(end - start)
    for servers in range(1, min(int(crowd.max()), _MOST_SERVERS) + 1):
        served = _in_turn(start, end, servers)
        if float((served > end + tolerance).mean()) > _MOST_IMPOSSIBLE:
            continue
        served = np.minimum(served, end)
        waited = served - start > tolerance
        if int(waited.sum()) < _FEWEST // 2:
            return None
        left = correlation(end - served, crowd)
        if left <= max(_LEFT * correlation(end - start, crowd), 3 / np.sqrt(len(start))):
            return served
        return None
    return None


def _in_turn(start: Ints, end: Ints, servers: int) -> Ints:
    free_at = [int(start.min())] * servers
    heapify(free_at)
    begun = []
    for arrived, ended in zip(start.tolist(), end.tolist(), strict=True):
        begun.append(max(arrived, free_at[0]))
        heapreplace(free_at, ended)
    return np.array(begun, np.int64)


def _excess_ns(length: Ints, crowd: Ints) -> float:
    """How much longer all took together than if all had been as those with the fewest around."""
    calm = crowd <= np.quantile(crowd, 0.1)
    return max(float((length - length[calm].mean()).sum()), 0.0)
