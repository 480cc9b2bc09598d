"""What a prediction proves that would have come true without any change as well."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from latprobe.advice.applied import Applied
from latprobe.analysis.whatif.memory import memory_of

# Requests that know so little of one another are as good as independent.
_LEAST_ALIKE = 3.0


def allows_no_change(applied: Applied) -> bool:
    """Whether the range that was predicted for the median holds the median before the change."""
    low, before, high = applied.p50_low_ms, applied.p50_before_ms, applied.p50_high_ms
    return low is not None and before is not None and high is not None and low <= before <= high


def requests_to_tell(applied: Applied) -> int | None:
    """About how many requests before and since would take the median before out of the range.

    The range narrows with the root of their number, as far as requests alone differ: what differs
    from run to run stays. None where nothing was predicted to be saved. Two digits.
    """
    before, after, high = applied.p50_before_ms, applied.p50_after_ms, applied.p50_high_ms
    if before is None or after is None or high is None or before <= after:
        return None
    needed = applied.requests * ((high - after) / (before - after)) ** 2
    step = int(10 ** max(math.ceil(math.log10(max(needed, 1.0))) - 2, 0))
    return math.ceil(needed / step) * step


def doubt(applied: Applied) -> str:
    """A sentence for a prediction whose range holds no change."""
    words = "The predicted range of p50 also holds no change: too few requests to tell"
    needed = requests_to_tell(applied)
    if needed is None:
        return "The predicted range of p50 also holds no change, and no gain was predicted."
    return f"{words}; about {needed:,} before and since would, if runs differ by no more."


def phases(duration_ns: NDArray[np.generic]) -> str | None:
    """A sentence where requests, in the order of time, came in slow and fast phases: of those a
    recording holds a few, however many its requests, and a range is as wide as that. Else None."""
    alike = memory_of(duration_ns).requests_per_new
    if alike < _LEAST_ALIKE:
        return None
    count = len(duration_ns)
    return (
        f"The requests came in slow and fast phases, so that these {count:,} tell as much as about "
        f"{max(count / alike, 1):,.0f} on their own would, and the ranges are wide: record again, "
        "for longer and with nothing else going on."
    )
