"""How fast requests came in just before each one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.cohorts.attributes import Attribute, number

# The rate is that of so many requests before it.
_REQUESTS = 10


def arrival_rate(start_ns: NDArray[np.int64]) -> Attribute | None:
    """Requests a second, of the ten that began before each one; starts are in the order of time.

    Not how many were in flight: slow requests stay longer, so where latency comes and goes for any
    other reason many are in flight while it is high (that was found in every recording of such
    noise). Only more arrivals with more latency count: clients that wait for their answers send
    less while it is high.
    """
    if len(start_ns) <= _REQUESTS:
        return None
    passed = start_ns[_REQUESTS:] - start_ns[:-_REQUESTS]
    rate = np.full(len(start_ns), np.nan)
    rate[_REQUESTS:] = _REQUESTS * 1e9 / np.maximum(passed, 1)
    found = number("requests arriving per second", rate)
    return None if found is None else replace(found, is_one_sided=True)
