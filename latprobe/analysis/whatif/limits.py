"""What requests share and wait for: servers behind a stage, callers that wait for answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latprobe.analysis.queueing import Evidence, look_for_servers
from latprobe.analysis.spans import Ints
from latprobe.analysis.whatif.graph import Edges
from latprobe.analysis.whatif.line import Callers
from latprobe.analysis.whatif.recording import Recording

# A stage whose gaps take less of all request time than this is not looked at.
_LEAST_SHARE = 0.02

# So many of the requests have to start as another one ends for a fixed number of callers.
_CLOSED_SHARE = 0.8
_FEWEST_STARTS = 20

# A smaller share of spans that found a server free does not show what passes then.
_FREE_SHARE = 0.25


def gap_ns(recorded: Recording, edges: Edges) -> Ints:
    """What lies between each span's start and the last of what it waited for."""
    gap = np.zeros(len(recorded), np.int64)
    starts = edges.target < len(recorded)
    gap[edges.target[starts]] = edges.work_ns[starts].astype(np.int64)
    return np.maximum(gap, 0)


@dataclass(frozen=True, slots=True)
class StageLimit:
    """The servers found behind the stage with this name code, or why there are none."""

    code: int
    rows: Ints
    evidence: Evidence


def stage_limit(recorded: Recording, gap: Ints, code: int) -> StageLimit:
    """The limit of one stage, over all requests of the recording."""
    rows = np.flatnonzero((recorded.name == code) & (recorded.tree.parent >= 0))
    spans = recorded.spans
    start = spans.start_ns[rows]
    return StageLimit(code, rows, look_for_servers(start - gap[rows], start, spans.end_ns[rows]))


def stage_limits(recorded: Recording, gap: Ints) -> list[StageLimit]:
    """The stages that wait for servers, as far as their waiting matters to the requests."""
    total = float(recorded.spans.duration_ns[recorded.tree.root].sum())
    by_name = np.bincount(recorded.name, weights=gap)
    found = []
    for code in np.flatnonzero(by_name > _LEAST_SHARE * max(total, 1.0)).tolist():
        limit = stage_limit(recorded, gap, code)
        if limit.evidence.servers is not None:
            found.append(limit)
    return found


def lead_ns(recorded: Recording, gap: Ints, limit: StageLimit) -> float:
    """What passes between a span's turn and its start while a server is free: no waiting.

    The median over spans that found a server free as they came. Where few did, some of these came
    between one span and the next that had waited; then it is the least of all gaps.
    """
    servers = limit.evidence.servers
    if servers is None:
        return 0.0
    spans, rows = recorded.spans, limit.rows
    start, end, before = spans.start_ns[rows], spans.end_ns[rows], gap[rows]
    begun = np.searchsorted(np.sort(start), start - before, side="left")
    ended = np.searchsorted(np.sort(end), start - before, side="right")
    free = before[begun - ended < servers.count]
    if len(free) >= _FREE_SHARE * len(before):
        return float(np.median(free))
    return float(before.min())


def find_callers(start_ns: Ints, end_ns: Ints) -> Callers | None:
    """The fixed number of callers, two or more, that send one request after another; else None."""
    if len(start_ns) < _FEWEST_STARTS:
        return None
    start, ends = np.sort(start_ns), np.sort(end_ns)
    ended = np.searchsorted(ends, start, side="right")
    running = np.arange(len(start)) - ended
    most = int(running.max()) + 1
    if most < 2 or len(start) < most + _FEWEST_STARTS:
        return None
    later = np.arange(most, len(start))
    since = start[later] - ends[np.maximum(ended[later] - 1, 0)]
    near = 0.02 * float(np.median(end_ns - start_ns))
    follows = (running[later] == most - 1) & (since <= near) & (ended[later] > 0)
    if float(follows.mean()) < _CLOSED_SHARE:
        return None
    return Callers(most, float(np.median(since[follows])))
