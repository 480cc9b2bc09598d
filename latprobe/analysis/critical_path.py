"""The chain of span segments which, if shortened, shortens the request.

Source of the method: Yang and Miller, "Critical Path Analysis for the Execution of Parallel and
Distributed Programs" (1988); on traces: Zhang et al., "CRISP" (USENIX ATC 2022).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.spans import Ints, Spans
from latprobe.analysis.tree import Tree, over_ancestors

# How many of the siblings that started last before a span are asked whether they ran on into it.
LOOK_BACK = 8
_NEVER = np.iinfo(np.int64).max


def critical_ns(spans: Spans, tree: Tree) -> Ints:
    """How much of its request's critical path is each span's own; per trace it sums to the root.

    Walking back from a span's end, the child that ended last before the moment is the one that
    was waited for, and the walk goes on at that child's start; what lies between such children is
    the span's own. Each chosen child is walked in the same way. So of concurrent children only
    the chain that ends last counts. A child counts only inside all of its ancestors. One that
    outlives its parent was not waited for: it counts (clipped) only if it started after all the
    siblings that did end in time.

    Where a child was still running when the chosen one started (a stream that is closed late, two
    threads handing over), and none ended since it began, that child counts up to the handover: its
    parent did nothing itself in that time.
    """
    start = over_ancestors(tree.parent, spans.start_ns, np.maximum)
    has_parent = tree.parent >= 0
    limit = np.full(len(spans), _NEVER)
    while True:  # a trim reaches one level further down a round, and is then final
        end = over_ancestors(tree.parent, np.minimum(spans.end_ns, limit), np.minimum)
        inside = np.where(has_parent, end[tree.parent], _NEVER)
        chosen, trims = _waited_for(spans, tree, start, np.minimum(spans.end_ns, inside))
        if np.array_equal(trims, limit):
            break
        limit = trims
    length = np.maximum(end - start, 0)
    chosen[tree.root] = True
    critical = over_ancestors(tree.parent, chosen, np.logical_and)
    own = np.where(critical, length, 0)
    child = np.flatnonzero(critical & has_parent)
    np.subtract.at(own, tree.parent[child], length[child])
    return own


def _waited_for(spans: Spans, tree: Tree, start: Ints, end: Ints) -> tuple[NDArray[np.bool_], Ints]:
    """Which spans are in the chain of their parent's children, from clipped intervals; and where
    the next one in the chain started before they had ended, when that was (else a time too far)."""
    chosen = np.zeros(len(spans), np.bool_)
    trims = np.full(len(spans), _NEVER)
    rows = np.flatnonzero((tree.parent >= 0) & (end > start))
    rows = rows[~_left_behind(spans, tree.parent, rows, start, end)]
    if len(rows) == 0:
        return chosen, trims
    # By parent and end; of those that end together the one that started first comes last.
    rows = rows[np.lexsort((-rows, -start[rows], end[rows], tree.parent[rows]))]
    parent = tree.parent[rows]
    previous = _ended_before(parent, start[rows], end[rows])
    previous = _running_since(parent, start[rows], end[rows], previous)
    last = np.append(parent[1:] != parent[:-1], True)
    reached = _reached(last, previous)
    chosen[rows] = reached
    after = np.flatnonzero(reached & (previous >= 0))
    before, handover = rows[previous[after]], start[rows[after]]
    overlaps = end[before] > handover
    trims[before[overlaps]] = handover[overlaps]
    return chosen, trims


def _running_since(parent: Ints, start: Ints, end: Ints, ended: Ints) -> Ints:
    """`ended`, but where a sibling that began after `ended` was still running: that sibling.

    Of several the one that ended first.
    """
    order = np.lexsort((end, start, parent))
    found = ended.copy()
    since = np.where(ended >= 0, end[ended], -_NEVER)
    best = np.full(len(parent), _NEVER)
    for back in range(1, min(LOOK_BACK + 1, len(order))):
        here, other = order[back:], order[:-back]
        is_running = (
            (parent[here] == parent[other])
            & (start[other] < start[here])
            & (end[other] > start[here])
            & (start[other] >= since[here])
            & (end[other] < best[here])
        )
        here, other = here[is_running], other[is_running]
        best[here] = end[other]
        found[here] = other
    return found


def _left_behind(
    spans: Spans, parent: Ints, rows: Ints, start: Ints, end: Ints
) -> NDArray[np.bool_]:
    outlives = spans.end_ns[rows] > spans.end_ns[parent[rows]]
    waited = np.full(len(spans), np.iinfo(np.int64).min)
    in_time = rows[~outlives]
    np.maximum.at(waited, parent[in_time], end[in_time])
    return outlives & (waited[parent[rows]] > start[rows])


def _ended_before(parent: Ints, start: Ints, end: Ints) -> Ints:
    """For each child: the place of the sibling that ended last before it started, or -1.

    The arguments are sorted by parent and end.
    """
    count = len(parent)
    times = np.concatenate((end, start))
    is_start = np.arange(2 * count) >= count
    order = np.lexsort((is_start, times, np.concatenate((parent, parent))))
    ends_so_far = np.cumsum(~is_start[order]) - 1
    previous = np.empty(2 * count, np.int64)
    previous[order] = ends_so_far
    previous = previous[count:]
    same = (previous >= 0) & (parent[previous] == parent)
    return np.where(same, previous, -1)


def _reached(reached: NDArray[np.bool_], previous: Ints) -> NDArray[np.bool_]:
    """What is reached by following `previous` from the places that are `reached` already."""
    reached = reached.copy()
    jump = previous.copy()
    places = np.flatnonzero(jump >= 0)
    while len(places):
        reached[jump[places[reached[places]]]] = True
        jump[places] = jump[jump[places]]
        places = places[jump[places] >= 0]
    return reached
