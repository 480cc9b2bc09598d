"""What holds requests back and no line of servers stands for: rate limits, shared batches, and
calls that are given up after a while."""

from __future__ import annotations

import numpy as np

from latprobe.analysis.spans import Ints
from latprobe.analysis.whatif.contrast import request_of
from latprobe.analysis.whatif.recording import Recording

# Fewer runs show nothing of this kind.
_FEWEST = 40

# A rate limit: hardly any two starts closer than its pace, so many at it, and those had waited.
_CLOSER, _AT_PACE, _NEAR, _OTHERS = 0.02, 0.2, 0.02, 0.1

# A batch: so many runs end within this of one of another request that was ready at another time,
# and so many times more than by chance, and than runs of other stages do: a machine that stands
# still for a moment wakes all that slept at once, whatever they are.
_SAME_NS, _APART_NS, _IN_BATCHES, _BY_CHANCE, _BY_STALLS = 200_000, 1_000_000, 0.3, 4.0, 2.0

# A limit in time: so many runs take as long as the longest, give or take this share, so many times
# more than take a little less; and those that take less reach up to it.
_AT_LIMIT, _LIMIT_NEAR, _LIMIT_MORE, _REACHES = 0.02, 0.02, 5.0, 0.7


def keeps_pace(recorded: Recording, gap: Ints, code: int) -> bool:
    """Whether runs of the stage, over all requests, start no sooner than a fixed time after one
    another, and wait for that."""
    rows = np.flatnonzero((recorded.name == code) & (recorded.tree.parent >= 0))
    if len(rows) < _FEWEST:
        return False
    rows = rows[np.argsort(recorded.spans.start_ns[rows], kind="stable")]
    between = np.diff(recorded.spans.start_ns[rows])
    pace = float(np.quantile(between, _CLOSER))
    near = _NEAR * pace
    at_pace = between <= pace + 2 * near
    if near <= 0 or float(at_pace.mean()) < _AT_PACE:
        return False
    if float((between < pace - near).mean()) > _CLOSER:
        return False
    waited = gap[rows[1:]]
    if float((~at_pace).mean()) < _OTHERS:  # nearly all wait, some longer than others
        return float(np.ptp(np.quantile(waited, (0.1, 0.9)))) > 0.25 * pace
    return float(np.median(waited[at_pace])) - float(np.median(waited[~at_pace])) > 0.25 * pace


def shares_batches(recorded: Recording, gap: Ints, code: int) -> bool:
    """Whether runs of the stage end together with those of other requests that came before or
    after them."""
    spans = recorded.spans
    rows = np.flatnonzero((recorded.name == code) & (recorded.tree.parent >= 0))
    if len(rows) < _FEWEST:
        return False
    share = _end_together(recorded, rows, spans.start_ns[rows] - gap[rows])
    chance = 2 * _SAME_NS * len(rows) / max(float(np.ptp(spans.end_ns[rows])), 1.0)
    if share < max(_IN_BATCHES, _BY_CHANCE * chance):
        return False
    is_leaf = np.ones(len(spans.start_ns), np.bool_)
    is_leaf[recorded.tree.parent[recorded.tree.parent >= 0]] = False
    others = np.flatnonzero(is_leaf & (recorded.name != code) & (recorded.tree.parent >= 0))
    return share >= _BY_STALLS * _end_together(recorded, others, spans.start_ns[others])


def _end_together(recorded: Recording, rows: Ints, ready: Ints) -> float:
    """The share of these runs that end with one of another request that was ready at another
    time; 0 of none."""
    if not len(rows):
        return 0.0
    end = recorded.spans.end_ns[rows]
    order = np.argsort(end, kind="stable")
    is_same = np.diff(end[order]) <= _SAME_NS
    is_same &= np.diff(request_of(recorded, rows)[order]) != 0
    is_same &= np.abs(np.diff(ready[order])) > _APART_NS
    return float((np.append(is_same, False) | np.append(False, is_same)).mean())


def is_cut_off(recorded: Recording, code: int) -> bool:
    """Whether the stage's runs pile up at a longest time that others come near to, too."""
    took = np.sort(recorded.spans.duration_ns[recorded.name == code]).astype(np.float64)
    if len(took) < _FEWEST or took[-1] <= 0:
        return False
    longest = float(took[-max(len(took) // 500, 1)])  # but for slips
    near = _LIMIT_NEAR * longest
    at_limit = float((took >= longest - near).mean())
    below = float(((took < longest - near) & (took >= longest - 3 * near)).mean()) / 2
    reach = float(((took < longest - near) & (took >= _REACHES * longest)).mean())
    return at_limit >= max(_AT_LIMIT, _LIMIT_MORE * below) and reach >= _AT_LIMIT and below > 0
