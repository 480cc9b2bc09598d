"""When each span could have started: what its own request made it wait for."""

from __future__ import annotations

import numpy as np

from latprobe.analysis.spans import Ints, Spans
from latprobe.analysis.tree import Tree


def arrival_ns(spans: Spans, tree: Tree) -> Ints:
    """The end of the sibling that ended last before the span began, else its parent's start.

    What lies between that and the start is unrecorded work or a queue. A root arrives as it
    starts: what it waited for before is not recorded.
    """
    arrived = spans.start_ns.copy()
    rows = np.flatnonzero(tree.parent >= 0)
    if len(rows) == 0:
        return arrived
    parent, start, end = tree.parent[rows], spans.start_ns[rows], spans.end_ns[rows]
    before = np.maximum(_last_end(parent, start, end), spans.start_ns[parent])
    arrived[rows] = np.minimum(before, start)
    return arrived


def _last_end(parent: Ints, start: Ints, end: Ints) -> Ints:
    """The latest end among rows of the same parent that is not after the row's start."""
    count = len(parent)
    times = np.concatenate((end, start))
    is_start = np.arange(2 * count) >= count
    owners = np.concatenate((parent, parent))
    # An end at the very moment of a start comes before it, unless it is the span's own: a span
    # without length does not wait for itself, and then the moment is the same anyway.
    order = np.lexsort((is_start, times, owners))
    ends_so_far = np.where(is_start[order], np.iinfo(np.int64).min, times[order])
    latest = np.empty(2 * count, np.int64)
    latest[order] = _running_max(ends_so_far, owners[order])
    return latest[count:]


def _running_max(values: Ints, owner: Ints) -> Ints:
    """The largest value so far within each owner; within one, values that count only rise."""
    places = np.where(values > np.iinfo(np.int64).min, np.arange(len(values)), -1)
    last = np.maximum.accumulate(places)
    known = (last >= 0) & (owner[last] == owner)
    return np.where(known, values[last], np.iinfo(np.int64).min)
