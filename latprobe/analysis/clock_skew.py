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
    did. Where one does, the two clocks differ, and by the same for all calls from the one process
    to the other: all are moved by what puts each of them inside its caller, the middle of what
    does (the least delay there and back, taken as equal: Mills, "Internet time synchronization",
    1991). So one that starts late, as it had to wait, still starts late. Where no one offset fits
    all calls, each is put right for itself: into its caller's middle, as Jaeger does, and one
    longer than its caller starts with it. Rows keep their places, so they may no longer be sorted
    by start.
    """
    start = np.clip(spans.start_ns, 0, _FARTHEST)
    end = np.clip(spans.end_ns, start, _FARTHEST)
    is_foreign = (tree.parent >= 0) & (process != process[tree.parent])
    if is_foreign.any():
        moved = _shifts(start, end, tree.parent, process, is_foreign)
        start, end = start + moved, end + moved
    return replace(spans, start_ns=start, end_ns=end)


def _shifts(start: Ints, end: Ints, parent: Ints, process: Ints, is_foreign: np.ndarray) -> Ints:
    """How far each row moves; parents are settled before their children, a level at a time."""
    shift = np.zeros(len(start), np.int64)
    below = np.flatnonzero(is_foreign)
    above = parent[below]
    # Both are on their own clocks still; a parent's own move carries its children along below.
    least, most = start[above] - start[below], end[above] - end[below]
    early = least > 0
    if not early.any():
        return shift
    wanted = least + np.maximum(most - least, 0) // 2
    shift[below[early]] = wanted[early]
    fits, offset = _offsets(process[above], process[below], least, most)
    shift[below[fits]] = offset[fits]
    total, up = shift.copy(), parent.copy()
    rows = np.flatnonzero(up >= 0)
    while len(rows):  # pointer doubling: the sum over all ancestors
        ahead = up[rows]
        total[rows] += total[ahead]
        up[rows] = up[ahead]
        rows = rows[up[rows] >= 0]
    return total


def _offsets(caller: Ints, callee: Ints, least: Ints, most: Ints) -> tuple[np.ndarray, Ints]:
    """For each call whether one offset of its two clocks fits all calls between them, some of which
    began too early, and that offset. A call fits if it is moved by `least` up to `most`."""
    _, pair = np.unique(np.stack((caller, callee), axis=1), axis=0, return_inverse=True)
    pair = pair.ravel()
    low = np.full(int(pair.max()) + 1, np.iinfo(np.int64).min)
    high = np.full(len(low), np.iinfo(np.int64).max)
    np.maximum.at(low, pair, least)
    np.minimum.at(high, pair, most)
    fits = (low > 0) & (low <= high)
    middle = np.where(fits, low + (high - np.minimum(low, high)) // 2, 0)
    return fits[pair], middle[pair]
