"""The windows of a counter that can say something of the stages."""

from __future__ import annotations

import numpy as np

from latprobe.analysis.gpu.counters import Windows
from latprobe.analysis.gpu.least_squares import MIN_WINDOWS
from latprobe.analysis.gpu.occupancy import Floats, Segments, idle_share, occupancy
from latprobe.analysis.spans import Ints

# Enough for intervals of a point, and a bound on memory: 37 lags of each are held at once.
MAX_WINDOWS = 6000
# What is further from any stage says only what an idle card reads, and a little of that will do.
NEAR_NS = 1_000_000_000
# Readings are at most about this late.
LATE_NS = 150_000_000
# Windows in which several requests ran for more than this share are left out if enough remain.
MAX_OVERLAP = 0.05


def usable_rows(windows: Windows, segments: Segments) -> tuple[Ints, float]:
    """The newest windows near the stages, and the share of their active time that was in windows
    with several stages at once. Those are left out where at least half can go without them."""
    if not len(segments.start_ns) or not len(windows):
        return np.empty(0, np.int64), 0.0
    inside = (windows.start_ns >= segments.start_ns.min()) & (
        windows.end_ns <= segments.end_ns.max()
    )
    rows = np.flatnonzero(inside)
    away = idle_share(segments, windows.start_ns[rows] - NEAR_NS, windows.end_ns[rows] + NEAR_NS)
    rows = rows[np.flatnonzero(away < 1.0)[-MAX_WINDOWS:]]
    rows = rows[~_is_cold(windows.take(rows), segments)]
    if not len(rows):
        return rows, 0.0
    near = windows.take(rows)
    length = (near.end_ns - near.start_ns).astype(np.float64)
    active = length * (1 - idle_share(segments, near.start_ns, near.end_ns))
    all_active = _active(segments, near) * length
    crowded = all_active - active > MAX_OVERLAP * length
    overlap = float(active[crowded].sum() / max(active.sum(), 1.0))
    if crowded.any() and (~crowded).sum() >= max(MIN_WINDOWS, len(rows) / 2):
        return rows[~crowded], overlap
    return rows, overlap


def _is_cold(windows: Windows, segments: Segments) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether a run that is no stage's usual one (stage -1) is in the window or close to it."""
    rows = segments.stage < 0
    cold = Segments(segments.stage[rows], segments.start_ns[rows], segments.end_ns[rows])
    near = idle_share(cold, windows.start_ns - LATE_NS, windows.end_ns + LATE_NS)
    return np.asarray(near < 1.0)


def _active(segments: Segments, windows: Windows) -> Floats:
    one = Segments(np.zeros(len(segments.stage), np.int64), segments.start_ns, segments.end_ns)
    found = occupancy(one, 1, windows.start_ns, windows.end_ns)
    return np.asarray(found[:, 0], np.float64)
