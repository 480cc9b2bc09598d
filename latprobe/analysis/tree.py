"""Who is whose child: one tree a trace, whatever was recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.spans import NO_ROW, Ints, Spans
from latprobe.analysis.transport import find_transport, owners

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Tree:
    """`parent`: the row of each span's parent, -1 for a root. `root`: each trace's root row.

    Every trace has exactly one root and no cycle. `transport`: the rows of spans that only carry
    the call above them, `owner` for every row the row whose time its own counts as (transport.py).
    """

    parent: Ints
    root: Ints
    transport: Ints
    owner: Ints

    def credited(self, values: Ints) -> Ints:
        """Each span's value with that of what carries it, which itself has 0 then."""
        if not len(self.transport):
            return values
        given = values.copy()
        given[self.transport] = 0
        np.add.at(given, self.owner[self.transport], values[self.transport])
        return given

    def callers(self) -> tuple[Ints, Ints]:
        """The rows below another span that are no transport, and the row that called each of them:
        its parent, or the call that this carries."""
        below = self.parent >= 0
        below[self.transport] = False
        rows = np.flatnonzero(below)
        return rows, self.owner[self.parent[rows]]


def build_tree(spans: Spans) -> Tree:
    """One tree a trace, each span under the parent it names.

    The root is the earliest span that names no parent, else the earliest span: of those that began
    in the same tick one whose parent is not here, and the longest of them. Other spans
    without a parent (it is elsewhere, was dropped, is still running) are the root's children.
    In a cycle of parents the earliest span becomes the root's child.
    """
    if len(spans) == 0:
        nothing = np.zeros(0, np.int64)
        return Tree(nothing, nothing, nothing, nothing)
    parent = spans.parent_rows()
    rows = np.arange(len(spans))
    parent[parent == rows] = NO_ROW
    root = _roots(spans, parent)
    offsets = spans.offsets()
    root_of = np.repeat(root, np.diff(np.append(offsets, len(spans))))
    parent = np.where(parent == NO_ROW, root_of, parent)
    parent[root] = NO_ROW
    _break_cycles(parent, root_of)
    transport = find_transport(spans, parent)
    return Tree(parent, root, transport, owners(parent, transport))


def over_ancestors(
    parent: Ints,
    values: NDArray[T],
    combine: Callable[[NDArray[T], NDArray[T]], NDArray[T]],
) -> NDArray[T]:
    """Each row's value combined with those of all its ancestors.

    By pointer doubling: log2(depth) rounds of whole-array steps, so that a chain of a million
    spans costs twenty rounds. `combine` must be associative, commutative and idempotent.
    """
    result = values.copy()
    above = parent.copy()
    rows = np.flatnonzero(above >= 0)
    while len(rows):
        next_up = above[rows]
        result[rows] = combine(result[rows], result[next_up])
        above[rows] = above[next_up]
        rows = rows[above[rows] >= 0]
    return result


def _roots(spans: Spans, parent: Ints) -> Ints:
    """Ranks spans by: names a parent, tick, has its parent here, place. Only the last differs."""
    count, offsets = len(spans), spans.offsets()
    is_new = np.diff(spans.start_ns, prepend=-1) != 0
    is_new[offsets] = True
    tick = np.flatnonzero(is_new)[np.cumsum(is_new) - 1]
    rank = (np.where(spans.parent_id == 0, 0, count) + tick) * 2 + (parent != NO_ROW)
    return np.asarray(np.minimum.reduceat(rank * count + np.arange(count), offsets) % count)


def _break_cycles(parent: Ints, root_of: Ints) -> None:
    settled: set[int] = set()
    for start in _below_cycles(parent).tolist():
        path: dict[int, None] = {}
        row = start
        while row not in settled and row not in path:
            path[row] = None
            row = int(parent[row])
        if row in path:
            walked = list(path)
            first = min(walked[walked.index(row) :])
            parent[first] = root_of[first]
        settled.update(path)


def _below_cycles(parent: Ints) -> Ints:
    above = parent.copy()
    rows = np.flatnonzero(above >= 0)
    for _ in range(len(parent).bit_length() + 1):
        if not len(rows):
            break
        above[rows] = above[above[rows]]
        rows = rows[above[rows] >= 0]
    return rows
