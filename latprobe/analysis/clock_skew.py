"""Spans of other processes and hosts, moved to where their caller's clock has them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from latprobe.analysis.spans import Ints, Spans
from latprobe.analysis.tree import Tree

# Recorded times further from 1970 than 73 years would overflow when they are added up.
_FARTHEST = np.int64(1) << 61


def align_clocks(spans: Spans, tree: Tree, process: Ints) -> Spans:
    """The same spans with those of foreign clocks moved, and everything under them with them.

    A call to another process (`process` differs from the parent's) cannot begin before its caller
    did. One that does, and is no longer than the caller, is put into the caller's middle, as
    Jaeger does: nobody knows which half of the rest was the way there. A longer one starts with
    its caller. Rows keep their places, so they may no longer be sorted by start.
    """
    start = np.clip(spans.start_ns, 0, _FARTHEST)
    end = np.clip(spans.end_ns, start, _FARTHEST)
    is_foreign = (tree.parent >= 0) & (process != process[tree.parent])
    if is_foreign.any():
        moved = _shifts(start, end, tree.parent, is_foreign)
        start, end = start + moved, end + moved
    return replace(spans, start_ns=start, end_ns=end)


def _shifts(start: Ints, end: Ints, parent: Ints, is_foreign: np.ndarray) -> Ints:
    """How far each row moves; parents are settled before their children, a level at a time."""
    shift = np.zeros(len(start), np.int64)
    below = np.flatnonzero(is_foreign)
    above = parent[below]
    early = start[below] < start[above]
    # Both are on their own clocks still; a parent's own move carries its children along below.
    spare = (end[above] - start[above]) - (end[below] - start[below])
    wanted = start[above] + np.maximum(spare, 0) // 2
    shift[below[early]] = (wanted - start[below])[early]
    if not early.any():
        return shift
    total, up = shift.copy(), parent.copy()
    rows = np.flatnonzero(up >= 0)
    while len(rows):  # pointer doubling: the sum over all ancestors
        ahead = up[rows]
        total[rows] += total[ahead]
        up[rows] = up[ahead]
        rows = rows[up[rows] >= 0]
    return total
