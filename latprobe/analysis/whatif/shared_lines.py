"""One line for several stages: a GPU, a lock or a pool that more than one of them takes.

Each stage alone then waits beside what looks like a free server. Together their spans show n at
once with work waiting, as one stage with servers of its own does.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from latprobe.analysis.queueing import look_for_servers
from latprobe.analysis.spans import Ints
from latprobe.analysis.whatif.recording import Recording
from latprobe.analysis.whatif.stage_limit import StageLimit

# Of so many stages that wait, those that wait most, every two are tried together.
_MOST_STAGES = 8

# So much more of their waiting than apart they have to explain together.
_BETTER = 0.1


def joined_limits(recorded: Recording, gap: Ints, limits: Sequence[StageLimit]) -> list[StageLimit]:
    """The limits, where stages share their servers as one."""
    waits = sorted(limits, key=lambda limit: -float(gap[limit.rows].sum()))[:_MOST_STAGES]
    found = list(limits)
    while True:
        best = _best_pair(recorded, gap, [each for each in waits if each.until is None])
        if best is None:
            return found
        joint, parts = best
        waits = [*(each for each in waits if each not in parts), joint]
        found = [*(each for each in found if each not in parts), joint]


def _best_pair(
    recorded: Recording, gap: Ints, limits: Sequence[StageLimit]
) -> tuple[StageLimit, tuple[StageLimit, StageLimit]] | None:
    best, most = None, _BETTER
    for first, second in combinations(limits, 2):
        total = float(gap[first.rows].sum() + gap[second.rows].sum())
        apart = explained_ns(gap, first) + explained_ns(gap, second)
        if total <= 0 or apart >= (1 - most) * total or _is_nested(recorded, first, second):
            continue
        joint = _joined(recorded, gap, first, second)
        gained = (explained_ns(gap, joint) - apart) / total
        if gained > most:
            best, most = (joint, (first, second)), gained
    return best


def _joined(recorded: Recording, gap: Ints, first: StageLimit, second: StageLimit) -> StageLimit:
    rows = np.sort(np.concatenate((first.rows, second.rows)))
    spans = recorded.spans
    start = spans.start_ns[rows]
    evidence = look_for_servers(start - gap[rows], start, spans.end_ns[rows])
    return StageLimit((*first.codes, *second.codes), rows, evidence, rows)


def explained_ns(gap: Ints, limit: StageLimit) -> float:
    """How much of the waiting of a limit's spans its servers explain."""
    servers = limit.evidence.servers
    return 0.0 if servers is None else servers.explained * float(gap[limit.rows].sum())


def _is_nested(recorded: Recording, first: StageLimit, second: StageLimit) -> bool:
    """Whether spans of the one run inside spans of the other, which cannot take turns."""
    return _is_below(recorded, first.rows, second.codes) or _is_below(
        recorded, second.rows, first.codes
    )


def _is_below(recorded: Recording, rows: Ints, codes: tuple[int, ...]) -> bool:
    above = recorded.parent[rows]
    while True:
        above = above[above >= 0]
        if len(above) == 0:
            return False
        if np.isin(recorded.name[above], codes).any():
            return True
        above = np.unique(recorded.parent[above])
