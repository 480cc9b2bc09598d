"""How many of many tests are believed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.intervals import Floats


def q_values(p_values: NDArray[np.generic]) -> Floats:
    """The expected share of false findings, were this and everything smaller believed.

    Benjamini and Hochberg, "Controlling the false discovery rate", 1995.
    """
    p = np.asarray(p_values, np.float64)
    count = len(p)
    if count == 0:
        return p
    order = np.argsort(p, kind="stable")
    raw = p[order] * count / np.arange(1, count + 1)
    found = np.empty(count)
    found[order] = np.minimum(np.minimum.accumulate(raw[::-1])[::-1], 1.0)
    return found
