"""A span's own time: what no child covers, the time of its transport included."""

from __future__ import annotations

import numpy as np

from latprobe.analysis.spans import Ints, Spans
from latprobe.analysis.tree import Tree


def self_ns(spans: Spans, tree: Tree) -> Ints:
    """Each span's duration minus the union of its children's intervals, clipped to the span.

    Children may overlap each other, outlive their parent, or start before it (clock skew). What
    only carries a call has none, and covers nothing of it: the call's children are those below.
    """
    rows, caller = tree.callers()
    own = spans.duration_ns - covered_ns(spans, caller, rows)
    own[tree.transport] = 0
    return own


def carried_ns(spans: Spans, tree: Tree) -> Ints:
    """How much of each call's own time what carries it ran; 0 of all other spans."""
    if not len(tree.transport):
        return np.zeros(len(spans), np.int64)
    call = tree.owner[tree.transport]
    rows, caller = tree.callers()
    inside = np.isin(caller, call)
    rows, caller = rows[inside], caller[inside]
    both = np.append(caller, call), np.append(rows, tree.transport)
    return covered_ns(spans, *both) - covered_ns(spans, caller, rows)


def covered_ns(spans: Spans, by: Ints, rows: Ints) -> Ints:
    """For every span: the length of the union of the intervals of those `rows` that count for it.

    `by` names, for each of `rows`, the row of the span it counts for; it is clipped to it.
    """
    start = np.maximum(spans.start_ns[rows], spans.start_ns[by])
    end = np.minimum(spans.end_ns[rows], spans.end_ns[by])
    some = end > start
    by, start, end = by[some], start[some], end[some]
    total = np.zeros(len(spans), np.int64)
    if len(by) == 0:
        return total
    order = np.lexsort((start, by))
    by, start, end = by[order], start[order], end[order]
    first = np.append(True, by[1:] != by[:-1])
    reached = latest_so_far(end, first)
    before = np.where(first, start, np.append(0, reached[:-1]))
    added = np.maximum(end - np.maximum(start, before), 0)
    heads = np.flatnonzero(first)
    total[by[heads]] = np.add.reduceat(added, heads)
    return total


def latest_so_far(end: Ints, first: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Ints:
    """The running maximum of `end`, starting afresh at each `first`."""
    place = np.arange(len(end))
    since = place - np.maximum.accumulate(np.where(first, place, 0))
    result = end.copy()
    step, longest = 1, int(since.max())
    while step <= longest:
        rows = np.flatnonzero(since >= step)
        result[rows] = np.maximum(result[rows], result[rows - step])
        step *= 2
    return result
