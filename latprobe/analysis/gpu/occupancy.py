"""How much of each counter window each stage was active."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.self_time import latest_so_far
from latprobe.analysis.spans import Ints

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Segments:
    """Times in which a span was the innermost active one; `stage` indexes the stages' names.

    Segments of requests that run at once overlap.
    """

    stage: Ints
    start_ns: Ints
    end_ns: Ints


def innermost(start_ns: Ints, end_ns: Ints, parent: Ints, stage: Ints) -> Segments:
    """The parts of each span that no child covers. `parent` is the parent's row, -1 for none.

    Children may overlap each other and outlive their parent; they are clipped to it.
    """
    child = np.flatnonzero(parent >= 0)
    by = parent[child]
    begin = np.maximum(start_ns[child], start_ns[by])
    end = np.minimum(end_ns[child], end_ns[by])
    some = end > begin
    by, begin, end = by[some], begin[some], end[some]
    order = np.lexsort((begin, by))
    by, begin, end = by[order], begin[order], end[order]
    bare = np.ones(len(start_ns), np.bool_)
    bare[by] = False
    owners, lows, highs = [np.flatnonzero(bare)], [start_ns[bare]], [end_ns[bare]]
    if len(by):
        first = np.append(True, by[1:] != by[:-1])
        reached = latest_so_far(end, first)
        before = np.where(first, start_ns[by], np.append(0, reached[:-1]))
        last = np.append(first[1:], True)
        owners += [by, by[last]]
        lows += [before, reached[last]]
        highs += [begin, end_ns[by[last]]]
    owner, low, high = np.concatenate(owners), np.concatenate(lows), np.concatenate(highs)
    some = high > low
    return Segments(stage[owner[some]], low[some], high[some])


def occupancy(segments: Segments, stages: int, start_ns: Ints, end_ns: Ints) -> Floats:
    """Active time of each stage in each window, as a share of the window: windows x stages.

    Over 1 where several requests are in the same stage at once.
    """
    found = np.zeros((len(start_ns), stages))
    for stage in range(stages):
        rows = segments.stage == stage
        found[:, stage] = _active_ns(
            segments.start_ns[rows], segments.end_ns[rows], start_ns, end_ns
        )
    return np.asarray(found / np.maximum(end_ns - start_ns, 1)[:, None], np.float64)


def idle_share(segments: Segments, start_ns: Ints, end_ns: Ints) -> Floats:
    """The share of each window in which no stage was active."""
    low, high = _union(segments.start_ns, segments.end_ns)
    busy = _active_ns(low, high, start_ns, end_ns)
    return np.asarray(1.0 - busy / np.maximum(end_ns - start_ns, 1), np.float64)


def _union(low: Ints, high: Ints) -> tuple[Ints, Ints]:
    order = np.argsort(low, kind="stable")
    low, high = low[order], high[order]
    if not len(low):
        return low, high
    reached = np.maximum.accumulate(high)
    is_new = np.append(True, low[1:] > reached[:-1])
    heads = np.flatnonzero(is_new)
    return low[heads], reached[np.append(heads[1:] - 1, len(low) - 1)]


def _active_ns(low: Ints, high: Ints, start_ns: Ints, end_ns: Ints) -> Floats:
    """The integral over each window of how many intervals are active, ns."""
    if not len(low):
        return np.zeros(len(start_ns))
    times = np.concatenate((low, high))
    steps = np.concatenate((np.ones(len(low), np.int64), -np.ones(len(high), np.int64)))
    order = np.argsort(times, kind="stable")
    times, level = times[order], np.cumsum(steps[order])
    total = np.concatenate(([0], np.cumsum(level[:-1] * np.diff(times))))

    def until(moment: Ints) -> Ints:
        at = np.searchsorted(times, moment, side="right") - 1
        inside = np.maximum(at, 0)
        found: Ints = total[inside] + level[inside] * (moment - times[inside])
        return np.where(at < 0, 0, found)

    return (until(end_ns) - until(start_ns)).astype(np.float64)
