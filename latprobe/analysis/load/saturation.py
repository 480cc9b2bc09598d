"""The rate of arrivals at which a queued stage's 95th percentile doubles."""

from __future__ import annotations

import numpy as np

from latprobe.analysis.intervals import Estimate, block_draws
from latprobe.analysis.load.lined_up import Line, around, memory_of

_DRAWS = 60
_HALVINGS = 8
# The arrival rate is raised up to so many times what the servers can take.
_OVERLOAD = 1.5
# Where fewer of the draws have an answer, what they say of its spread is not all of it.
_MOST = 0.9


def find_doubling(line: Line, rate_per_s: float, *, seed: int) -> Estimate | None:
    """The runs a second at which the 95th percentile of wait and run is twice what it is now.

    `rate_per_s` is the recorded rate. None where it is not reached below 1.5 times what the servers
    can take. The interval holds what another recording of the same program would say.
    """
    factor = _factor(line)
    if factor is None:
        return None
    value, block = factor * rate_per_s, memory_of(line)
    rng = np.random.default_rng(seed)
    pairs = [block_draws(len(line), rng=rng, draws=_DRAWS, block=block) for _ in range(2)]
    mean_gap = float(line.gap_ns.mean())
    found = []
    for first, second in zip(*pairs, strict=True):
        drawn = line.take(first[second])
        factor = _factor(drawn)
        if factor is not None:
            found.append(factor * rate_per_s * mean_gap / max(float(drawn.gap_ns.mean()), 1.0))
    is_known = len(found) >= _MOST * _DRAWS
    return Estimate(value, around(value, np.array(found), len(line) / block) if is_known else None)


def _factor(line: Line) -> float | None:
    """How many times denser the arrivals are when the 95th percentile has doubled; None: never."""
    wanted = 2 * _p95_ns(line, 1.0)
    time_ns = max(float(line.gap_ns.sum()), 1.0)
    used = float(line.service_ns.sum()) / sum(line.servers) / time_ns
    low, high = 1.0, max(_OVERLOAD / max(used, 1e-6), 1.0)
    if _p95_ns(line, high) < wanted:
        return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _p95_ns(line, middle) < wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _p95_ns(line: Line, density: float) -> float:
    return float(np.quantile(line.stay_ns(density=density), 0.95))
