"""Stages that begin when another one has taken a while: what a timeout falls back on, a hedge.

Such a one begins always as long after the other, and only where that still runs then. How much of
it there would be if the other took another time is not a matter of waiting, so it is not replayed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latprobe.analysis.spans import Ints
from latprobe.analysis.whatif.recording import Recording

# So many callers with it, and so many without, show it; in so many of each it is as said.
_FEWEST, _FEWEST_WITHOUT, _ALWAYS = 10, 5, 0.95

# Eight of ten begin within this share of the while, or this, of each other; shorter is no while.
_SAME_SHARE, _SAME_NS, _SHORTEST_NS = 0.03, 1_500_000, 3_000_000


@dataclass(frozen=True, slots=True)
class Timer:
    """The stage with name code `then` begins `after_ns` after the one that is waited for."""

    then: int
    after_ns: float


def find_timer(recorded: Recording, code: int) -> Timer | None:
    """What begins once the stage with this name code has taken a while; None where nothing does."""
    parent, start = recorded.parent, recorded.spans.start_ns
    rows = np.flatnonzero((recorded.name == code) & (parent >= 0))
    rows = rows[np.lexsort((recorded.rank[rows], parent[rows]))]
    callers, first = np.unique(parent[rows], return_index=True)
    if len(callers) < _FEWEST + _FEWEST_WITHOUT:
        return None
    lead = np.full(len(recorded), -1, np.int64)
    lead[callers] = rows[first]
    others = np.flatnonzero(parent >= 0)
    others = others[lead[parent[others]] >= 0]
    others = others[others != lead[parent[others]]]
    for then in np.unique(recorded.name[others]).tolist():
        after = others[recorded.name[others] == then]
        after = after[np.lexsort((recorded.rank[after], parent[after]))]
        _, once = np.unique(parent[after], return_index=True)
        after = after[once]
        for since in (lead, np.arange(len(recorded))):
            found = _timer(recorded, lead[callers], after, start[since[parent[after]]], since)
            if found is not None:
                return Timer(then, found)
    return None


def _timer(
    recorded: Recording, leads: Ints, after: Ints, since_ns: Ints, origin: Ints
) -> float | None:
    """The while, if the rows `after` begin that long after their `since_ns`, and just where the
    row of `leads` under the same caller still runs. `origin`: the row that it counts from, by
    caller."""
    parent, spans = recorded.parent, recorded.spans
    if len(after) < _FEWEST or len(leads) - len(after) < _FEWEST_WITHOUT:
        return None
    waited = (spans.start_ns[after] - since_ns).astype(np.float64)
    low, typical, high = np.quantile(waited, (0.1, 0.5, 0.9)).tolist()
    near = max(_SAME_SHARE * typical, _SAME_NS)
    if typical < _SHORTEST_NS or high - low > near:
        return None
    has = np.zeros(len(recorded), np.bool_)
    has[parent[after]] = True
    caller = parent[leads]
    took = (spans.end_ns[leads] - spans.start_ns[origin[caller]]).astype(np.float64)
    late = took[has[caller]] >= typical - near
    early = took[~has[caller]] <= typical + near
    return typical if min(float(late.mean()), float(early.mean())) >= _ALWAYS else None
