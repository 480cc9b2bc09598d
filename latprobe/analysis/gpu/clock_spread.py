"""How much the card changed its clock while the stages ran."""

from __future__ import annotations

import numpy as np

from latprobe.analysis.gpu.counters import Windows
from latprobe.analysis.gpu.occupancy import Segments, idle_share
from latprobe.analysis.gpu.usable_windows import usable_rows

MIN_READINGS = 20
# Of a reading's time; what is idle longer tells of an idle card's clock.
MAX_IDLE_SHARE = 0.5
MOST = 0.3


def clock_spread(clock: Windows | None, segments: Segments) -> float:
    """By what share the slow end of the clock's readings is under the fast one; 0 if not known.

    Counters of SM and tensor cores count cycles, so that a window's slow parts count for less than
    their time; and a stage that is slowed down does less of everything.
    """
    if clock is None:
        return 0.0
    near = clock.take(usable_rows(clock, segments)[0])
    if not len(near):
        return 0.0
    readings = near.value[idle_share(segments, near.start_ns, near.end_ns) <= MAX_IDLE_SHARE]
    if len(readings) < MIN_READINGS:
        return 0.0
    low, high = np.quantile(readings, (0.05, 0.95))
    return float(min(1.0 - low / max(high, 1.0), MOST))
