"""Percentiles from the log-histograms of the rollups."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.spans import Ints
from latprobe.store.schema import BINS_PER_OCTAVE

# A bin's width: no percentile from bins is further from the exact one, relative to it.
BIN_WIDTH = 2 ** (1 / BINS_PER_OCTAVE) - 1


def quantile_ms(bins: NDArray[np.int64], counts: Ints, q: float) -> float:
    """The quantile in ms, within its bin by rank. `bins` rise; bin -1 is "no duration"."""
    reached = np.cumsum(counts)
    rank = q * (int(reached[-1]) - 1)
    place = int(np.searchsorted(reached, rank, side="right"))
    chosen = int(bins[place])
    if chosen < 0:
        return 0.0
    inside = (rank - (int(reached[place]) - int(counts[place])) + 0.5) / int(counts[place])
    return float(2 ** ((chosen + min(inside, 1.0)) / BINS_PER_OCTAVE)) / 1e6
