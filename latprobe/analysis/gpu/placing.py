"""The windows of a counter that can be used, and where they were on the stages' timeline.

Counters that are read together share their windows: what one of them says of the lag counts for
the others too, and the one that the stages explain best says it best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latprobe.analysis.gpu.alignment import Aligned, align
from latprobe.analysis.gpu.counters import Windows
from latprobe.analysis.gpu.least_squares import MIN_WINDOWS
from latprobe.analysis.gpu.occupancy import Segments
from latprobe.analysis.gpu.timeline import Timeline, timeline
from latprobe.analysis.gpu.usable_windows import LATE_NS, usable_rows
from latprobe.analysis.spans import Ints

# A stage active in less of all windows' time than this cannot be seen in them.
MIN_ACTIVE_SHARE = 0.001
# A lag is another counter's too if the stages explain this much of its readings' variance.
TRUSTED_LAG = 0.5
# No other counter need be asked.
CLEAR_LAG = 0.97


@dataclass(frozen=True, slots=True)
class Placed:
    """`windows` of the counters' that count, at `rows` of all. `seen` are the columns (stages, then
    idle time) that fill enough of them; None in `active` where there are too few windows."""

    rows: Ints
    overlap: float
    active: Timeline | None
    seen: Ints
    aligned: Aligned | None = None


def placed(
    segments: Segments, stages: int, counters: Sequence[Windows], most: Sequence[float | None]
) -> Placed:
    """Of counters that were read at the same times; `most` as for each."""
    rows, overlap = usable_rows(counters[0], segments)
    nothing = np.empty(0, np.int64)
    if len(rows) < MIN_WINDOWS:
        return Placed(rows, overlap, None, nothing)
    windows = counters[0].take(rows)
    first, last = int(windows.start_ns.min()), int(windows.end_ns.max())
    active = timeline(segments, stages, first - 2 * LATE_NS, last + 2 * LATE_NS)
    near = active.shares(windows.start_ns, windows.end_ns)
    seen = np.flatnonzero(near.mean(axis=0) >= MIN_ACTIVE_SHARE)
    best: Aligned | None = None
    for each, bound in zip(counters, most, strict=True):
        if len(counters) == 1 or not len(seen) or (best and best.explained >= CLEAR_LAG):
            break
        found = align(active, each.take(rows), seen, bound)
        if found.explained >= max(TRUSTED_LAG, best.explained if best else 0.0):
            best = found
    return Placed(rows, overlap, active, seen, best)


def same_times(one: Windows, other: Windows) -> bool:
    """Whether they were read together."""
    return np.array_equal(one.start_ns, other.start_ns) and np.array_equal(one.end_ns, other.end_ns)
