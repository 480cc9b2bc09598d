"""How many run at once, how busy the servers are, and whether what comes also goes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latprobe.analysis.load.stage_calls import StageCalls
from latprobe.analysis.spans import Ints

# Cut off at both ends of the time: there the stage fills up and empties.
EDGE = 0.05

# The last moment that 64 bits can tell.
LAST_NS = 2**63 - 1

# L and lambda W further apart than this: the load grows or shrinks while it is recorded.
LITTLE_TOLERANCE = 0.1


@dataclass(frozen=True, slots=True)
class Little:
    """Little's law, L = lambda W, each side measured by itself over the middle of the time.

    `present` is L, the time average of how many are there; `rate_per_s` lambda, arrivals per
    second; `stay_ms` W, the mean time from an arrival to its end. `is_steady`: they agree within
    10 %, so that a figure of this load holds for more of it.
    """

    present: float
    rate_per_s: float
    stay_ms: float
    is_steady: bool


def mean_present(
    start_ns: Ints, end_ns: Ints, from_ns: int, to_ns: int, *, idle_ns: int = 0
) -> float:
    """How many are there between the two moments, averaged over time, `idle_ns` of it left out."""
    inside = np.minimum(end_ns, to_ns) - np.maximum(start_ns, from_ns)
    return float(np.maximum(inside, 0).sum()) / max(to_ns - from_ns - idle_ns, 1)


def max_present(start_ns: Ints, end_ns: Ints) -> int:
    """The most that were there at once; who leaves as another comes does not count twice."""
    if len(start_ns) == 0:
        return 0
    present = np.arange(1, len(start_ns) + 1) - np.searchsorted(
        np.sort(np.maximum(end_ns, start_ns + 1)), np.sort(start_ns), side="right"
    )
    return int(present.max())


def little(calls: StageCalls) -> Little | None:
    """Both sides of Little's law for waiting and running together; None without arrivals.

    From the first arrival to the last: with the time in which a queue is worked off after it both
    sides would agree whatever happened.
    """
    if len(calls) == 0:
        return None
    from_ns, to_ns = int(calls.arrival_ns.min()), int(calls.arrival_ns.max())
    edge = int((to_ns - from_ns) * EDGE)
    first, last = from_ns + edge, to_ns - edge
    inside = (calls.arrival_ns >= first) & (calls.arrival_ns < last)
    if last <= first or not inside.any():
        return None
    present = mean_present(calls.arrival_ns, calls.end_ns, first, last)
    rate = float(inside.sum()) / (last - first)
    stay_ns = float(calls.sojourn_ns[inside].mean())
    expected = rate * stay_ns
    return Little(
        present=present,
        rate_per_s=rate * 1e9,
        stay_ms=stay_ns / 1e6,
        is_steady=abs(present - expected) <= LITTLE_TOLERANCE * max(present, expected),
    )


def ends_of(start_ns: Ints, duration_ns: Ints) -> Ints:
    """When they ended; what a broken clock puts after the last moment there is ends then."""
    return np.asarray(start_ns + np.minimum(duration_ns, LAST_NS - np.maximum(start_ns, 0)))


def occupied_share(
    start_ns: Ints, end_ns: Ints, from_ns: int, to_ns: int, *, idle_ns: int = 0
) -> float:
    """The share of the time (0..1) in which at least one was there, `idle_ns` of it left out."""
    if len(start_ns) == 0 or to_ns - from_ns <= idle_ns:
        return 0.0
    order = np.argsort(start_ns, kind="stable")
    start, end = start_ns[order], np.maximum.accumulate(end_ns[order])
    begun = np.maximum(start[1:], end[:-1])
    covered = int((end[1:] - begun).sum()) + int(end[0] - start[0])
    return min(covered / (to_ns - from_ns - idle_ns), 1.0)
