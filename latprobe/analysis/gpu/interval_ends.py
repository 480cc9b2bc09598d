"""Intervals of fitted values, with room for what resampling does not see."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from latprobe.analysis.gpu.least_squares import Fit, fit
from latprobe.analysis.gpu.occupancy import Floats

# An interval wider than this share of the scale says nothing.
MAX_WIDTH_SHARE = 0.5
# The bootstrap sees scatter and not what is wrong in the same way all along: clocks, caches, the
# counter's own error, windows that are not where they are said to be. Each end of an interval is
# moved by these shares of the scale, of the value, and of what the fit leaves (its deviation): of
# that the more, the less of a window the stage fills. Of hardware counters also by a share of the
# value for how much the clock changed.
SYSTEMATIC_SCALE = 0.01
SYSTEMATIC_VALUE = 0.03
SYSTEMATIC_LEFT = 0.25
SYSTEMATIC_CLOCK = 0.5
FULL_QUANTILE = 0.95
MIN_FULL_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class Limits:
    """The counter's scale and the most it can read (None: no bound), and the share of a value by
    which the readings may be wrong all along."""

    scale: float
    most: float | None
    doubt: float

    @property
    def widest(self) -> float:
        """The widest interval that says something."""
        return MAX_WIDTH_SHARE * self.scale


def fitted(candidates: Floats, readings: Floats, limits: Limits) -> Fit:
    """The values, and intervals that hold those doubts too."""
    found = fit(candidates, readings, most=limits.most)
    columns = candidates[found.chosen]
    left = float(np.std(columns @ found.value - readings))
    full = np.maximum(np.quantile(columns, FULL_QUANTILE, axis=0), MIN_FULL_SHARE)
    by = SYSTEMATIC_SCALE * limits.scale + limits.doubt * found.value
    by += SYSTEMATIC_LEFT * left / np.minimum(full, 1.0)
    return replace(
        found,
        low=np.maximum(found.low - by, 0.0),
        high=np.minimum(found.high + by, np.inf if limits.most is None else limits.most),
    )
