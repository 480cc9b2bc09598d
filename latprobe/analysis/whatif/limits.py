"""What requests share and wait for: servers behind a stage, callers that wait for answers."""

from __future__ import annotations

import numpy as np

from latprobe.analysis.queueing.concurrency import running_at
from latprobe.analysis.spans import Ints
from latprobe.analysis.whatif.contrast import correlation, places, request_of, requests_overlap
from latprobe.analysis.whatif.graph import Edges
from latprobe.analysis.whatif.line import Callers
from latprobe.analysis.whatif.precedence import Precedence, pair_keys
from latprobe.analysis.whatif.recording import Recording
from latprobe.analysis.whatif.shared_lines import joined_limits
from latprobe.analysis.whatif.stage_limit import StageLimit, stage_limit

# A stage whose gaps take less of all request time than this is not looked at.
_LEAST_SHARE = 0.01

# Waiting that grows with the load and takes more of the request time than this has to be explained.
_MOST_UNEXPLAINED = 0.05
_LEAST_CORRELATION, _SURE = 0.2, 4.0

# So many of the requests have to start as another one ends for a fixed number of callers.
_CLOSED_SHARE = 0.8
_FEWEST_STARTS = 20

# Of callers that pause so many more than ever ran at once are tried; lengths vary if they do so by
# this many times what counts as the same moment.
_MOST_PAUSING, _VARIES = 8, 5


def gap_ns(recorded: Recording, edges: Edges) -> Ints:
    """What lies between each span's start and the last of what it waited for."""
    gap = np.zeros(len(recorded), np.int64)
    starts = edges.target < len(recorded)
    gap[edges.target[starts]] = edges.work_ns[starts].astype(np.int64)
    return np.maximum(gap, 0)


def stage_limits(recorded: Recording, gap: Ints) -> tuple[list[StageLimit], list[int]]:
    """The stages that wait for servers, as far as their waiting matters to the requests; and
    those that wait longer the more requests are at work although no servers explain it. None
    where no two requests ran at once."""
    if not requests_overlap(recorded):
        return [], []
    total = float(recorded.spans.duration_ns[recorded.tree.root].sum())
    by_name = np.bincount(recorded.name, weights=gap)
    waiting = np.flatnonzero(by_name > _LEAST_SHARE * max(total, 1.0)).tolist()
    apart = [stage_limit(recorded, gap, code) for code in waiting]
    limits = joined_limits(recorded, gap, apart)
    unexplained = [
        limit.codes[0]
        for limit in limits
        if limit.evidence.servers is None
        and by_name[limit.codes[0]] > _MOST_UNEXPLAINED * total
        and _grows_with_load(recorded, gap, limit.codes[0])
    ]
    return [limit for limit in limits if limit.evidence.servers is not None], unexplained


def _grows_with_load(recorded: Recording, gap: Ints, code: int) -> bool:
    spans, root = recorded.spans, recorded.tree.root
    rows = np.flatnonzero((recorded.name == code) & (recorded.tree.parent >= 0))
    came = spans.start_ns[rows] - gap[rows]
    own = root[request_of(recorded, rows)]
    is_own = (spans.start_ns[own] < came) & (came < spans.end_ns[own])
    load = running_at(spans.start_ns[root], spans.end_ns[root], came) - is_own
    if int((load > 0).sum()) < _FEWEST_STARTS:
        return False
    found = correlation(gap[rows], load, places(recorded, rows))
    return found > max(_LEAST_CORRELATION, _SURE / float(np.sqrt(max(len(rows), 1))))


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
    if float(follows.mean()) >= _CLOSED_SHARE:
        return Callers(most, float(np.median(since[follows])))
    return _pausing_callers(start, ends, end_ns - start_ns, most, near)


def _pausing_callers(
    start: Ints, ends: Ints, length: Ints, most: int, near: float
) -> Callers | None:
    """Callers that pause for always as long between an answer and their next request: the k-th
    start then comes that long after the k-th answer. Told only where lengths vary, as requests
    that come at a fixed pace look the same where they do not."""
    low, high = np.quantile(length, (0.1, 0.9)).tolist()
    if high - low <= _VARIES * near:
        return None
    for count in range(most, min(most + _MOST_PAUSING, len(start) - _FEWEST_STARTS) + 1):
        pause = start[count:] - ends[: len(start) - count]
        usual = float(np.median(pause))
        if usual >= 0 and float((np.abs(pause - usual) <= near).mean()) >= _CLOSED_SHARE:
            return Callers(count, usual)
    return None


def shared_candidates(recorded: Recording, precedence: Precedence) -> list[int]:
    """Stages of which one request runs several at once, where requests meet one another."""
    parent, name = recorded.parent, recorded.name
    if not requests_overlap(recorded):
        return []
    child = np.flatnonzero(parent >= 0)
    kinds = np.unique(np.stack((name[parent[child]], name[child]), axis=1), axis=0)
    keys = pair_keys(kinds[:, 0], kinds[:, 1], kinds[:, 1])
    return [int(code) for code in np.unique(kinds[precedence.run_together(keys), 1])]
