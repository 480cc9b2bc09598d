"""Requests as graphs of moments: what has to be over before what, and the own work in between.

Node r is the start of the span in row r, node N + r its end. An edge says: not before its source,
plus `work_ns` of the span `owner`. A moment is the latest of what its edges say, so the longest
chain decides, as in the critical path method (Kelley and Walker, 1959).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.spans import Ints
from latprobe.analysis.whatif.precedence import Precedence
from latprobe.analysis.whatif.recording import Recording
from latprobe.analysis.whatif.streaming import read_streams
from latprobe.analysis.whatif.waiting import find_waits

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Edges:
    """Columns: target node, source node, the work between in ns, the row that it belongs to."""

    target: Ints
    source: Ints
    work_ns: Floats
    owner: Ints

    def __len__(self) -> int:
        return len(self.target)

    def take(self, rows: NDArray[np.generic]) -> Edges:
        return Edges(self.target[rows], self.source[rows], self.work_ns[rows], self.owner[rows])

    def plus(self, *others: Edges) -> Edges:
        """These and the others."""
        every = (self, *others)
        return Edges(
            np.concatenate([each.target for each in every]),
            np.concatenate([each.source for each in every]),
            np.concatenate([each.work_ns for each in every]),
            np.concatenate([each.owner for each in every]),
        )


@dataclass(frozen=True, slots=True)
class Graph:
    """Edges sorted by level and target; `levels` are (first edge, last edge + 1) of each level.

    `heads` are the first edges of each target, in that order. `spans` is N. `unused` counts edges
    that had to be left out because they went in a circle.
    """

    edges: Edges
    heads: Ints
    levels: tuple[tuple[int, int], ...]
    spans: int
    root: Ints
    unused: int = 0


def build_edges(recorded: Recording, precedence: Precedence, shared: tuple[int, ...] = ()) -> Edges:
    """The edges of all recorded requests: replayed unchanged they give back what was recorded.

    `shared`: see `find_waits`.
    """
    spans, count = recorded.spans, len(recorded)
    parent = recorded.parent
    waits = find_waits(recorded, parent, precedence, shared)
    latest = np.full(len(waits.parent), np.iinfo(np.int64).min)
    np.maximum.at(latest, waits.moment, spans.end_ns[waits.sibling])
    is_free = np.ones(len(waits.parent), np.bool_)
    is_free[waits.moment] = False
    latest[is_free] = spans.start_ns[waits.parent[is_free]]
    work = (waits.time_ns - latest).astype(np.float64)
    node = np.where(waits.child >= 0, waits.child, count + waits.parent)
    free = np.flatnonzero(is_free)
    after_start = Edges(node[free], waits.parent[free], work[free], waits.parent[free])
    after_end = Edges(
        node[waits.moment],
        count + waits.sibling,
        work[waits.moment],
        waits.parent[waits.moment],
    )
    leaf = np.ones(count, np.bool_)
    leaf[parent[parent >= 0]] = False
    rows = np.flatnonzero(leaf)
    whole = Edges(count + rows, rows, spans.duration_ns[rows].astype(np.float64), rows)
    return read_streams(recorded, precedence, after_start.plus(after_end, whole))


def levelled(edges: Edges, spans: int, root: Ints) -> Graph:
    """The edges in an order in which every source comes before its targets."""
    level = _levels(edges, 2 * spans)
    used = level[edges.target] > 0
    kept = edges.take(np.flatnonzero(used)) if not used.all() else edges
    at = level[kept.target]
    order = np.lexsort((kept.target, at))
    kept, at = kept.take(order), at[order]
    heads = (
        np.flatnonzero(np.append(True, kept.target[1:] != kept.target[:-1]))
        if len(kept)
        else (np.zeros(0, np.int64))
    )
    bounds = np.flatnonzero(np.append(True, at[1:] != at[:-1])) if len(kept) else heads
    ends = np.append(bounds[1:], len(kept))
    levels = tuple(zip(bounds.tolist(), ends.tolist(), strict=True))
    return Graph(kept, heads, levels, spans, root, unused=len(edges) - len(kept))


def _levels(edges: Edges, nodes: int) -> Ints:
    """How many edges the longest way to each node has; -1 for nodes in a circle."""
    waiting = np.bincount(edges.target, minlength=nodes)
    order = np.argsort(edges.source, kind="stable")
    target = edges.target[order]
    first = np.append(0, np.cumsum(np.bincount(edges.source, minlength=nodes)))
    level, seen = np.full(nodes, -1, np.int64), np.empty(nodes, np.int64)
    ready = np.flatnonzero(waiting == 0)
    at = 0
    while len(ready):
        level[ready] = at
        starts, sizes = first[ready], first[ready + 1] - first[ready]
        total = int(sizes.sum())
        if total == 0:
            break
        offset = np.repeat(starts - np.append(0, np.cumsum(sizes)[:-1]), sizes)
        reached = target[offset + np.arange(total)]
        np.subtract.at(waiting, reached, 1)
        ready = reached[waiting[reached] == 0]
        number = np.arange(len(ready))
        seen[ready] = number  # each node once: where it was seen last (np.unique took half of all)
        ready = ready[seen[ready] == number]
        at += 1
    return level
