"""What requests share and wait for: servers behind a stage, callers that wait for answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from latprobe.analysis.queueing import Evidence, look_for_servers
from latprobe.analysis.queueing.concurrency import running_at
from latprobe.analysis.spans import Ints
from latprobe.analysis.whatif.graph import Edges
from latprobe.analysis.whatif.hidden_waits import correlation
from latprobe.analysis.whatif.line import Callers
from latprobe.analysis.whatif.precedence import Precedence, pair_keys
from latprobe.analysis.whatif.recording import Recording

# A stage whose gaps take less of all request time than this is not looked at.
_LEAST_SHARE = 0.02

# Waiting that grows with the load and takes more of the request time than this has to be explained.
_MOST_UNEXPLAINED = 0.05
_LEAST_CORRELATION, _SURE = 0.2, 4.0

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
    """The servers found behind the stage with this name code, or why there are none.

    `releases`: the rows whose end frees a server; those of a later stage, `until`, where a server
    is held over several stages.
    """

    code: int
    rows: Ints
    evidence: Evidence
    releases: Ints
    until: int | None = None


def stage_limit(recorded: Recording, gap: Ints, code: int) -> StageLimit:
    """The limit of one stage, over all requests of the recording."""
    rows = np.flatnonzero((recorded.name == code) & (recorded.tree.parent >= 0))
    spans = recorded.spans
    start = spans.start_ns[rows]
    alone = look_for_servers(start - gap[rows], start, spans.end_ns[rows])
    best = StageLimit(code, rows, alone, rows)
    if alone.servers is not None or len(rows) == 0:
        return best
    for until, first, last in _held_until(recorded, rows):
        start = spans.start_ns[first]
        held = look_for_servers(start - gap[first], start, spans.end_ns[last])
        known = best.evidence.servers
        if held.servers and (known is None or held.servers.explained > known.explained):
            best = StageLimit(code, first, held, last, until)
    return best


def _held_until(recorded: Recording, rows: Ints) -> Iterator[tuple[int, Ints, Ints]]:
    """Stages that follow these spans under the same caller, as a server's hold may: the name,
    and row by row the first span and the last."""
    spans, parent, name = recorded.spans, recorded.parent, recorded.name
    callers, count = np.unique(parent[rows], return_counts=True)
    if count.max() > 1:
        return
    row_of = np.full(len(recorded), -1, np.int64)
    row_of[parent[rows]] = rows
    sibling = np.flatnonzero((parent >= 0) & (row_of[parent] >= 0))
    lead = row_of[parent[sibling]]
    sibling = sibling[spans.start_ns[sibling] >= spans.end_ns[lead]]
    for code in np.unique(name[sibling]).tolist():
        last = sibling[name[sibling] == code]
        last = last[np.argsort(spans.end_ns[last], kind="stable")]
        end_of = np.full(len(recorded), -1, np.int64)
        end_of[parent[last]] = last  # the latest one stays
        held = end_of[parent[rows]]
        if float((held >= 0).mean()) == 1.0 and len(callers) == len(rows):
            yield code, rows, held


def stage_limits(recorded: Recording, gap: Ints) -> tuple[list[StageLimit], list[int]]:
    """The stages that wait for servers, as far as their waiting matters to the requests; and
    those that wait longer the more requests are at work although no servers explain it."""
    total = float(recorded.spans.duration_ns[recorded.tree.root].sum())
    by_name = np.bincount(recorded.name, weights=gap)
    found, unexplained = [], []
    for code in np.flatnonzero(by_name > _LEAST_SHARE * max(total, 1.0)).tolist():
        limit = stage_limit(recorded, gap, code)
        if limit.evidence.servers is not None:
            found.append(limit)
        elif by_name[code] > _MOST_UNEXPLAINED * total and _grows_with_load(recorded, gap, code):
            unexplained.append(code)
    return found, unexplained


def _grows_with_load(recorded: Recording, gap: Ints, code: int) -> bool:
    spans, root = recorded.spans, recorded.tree.root
    rows = np.flatnonzero((recorded.name == code) & (recorded.tree.parent >= 0))
    came = spans.start_ns[rows] - gap[rows]
    own = root[np.searchsorted(spans.offsets(), rows, side="right") - 1]
    is_own = (spans.start_ns[own] < came) & (came < spans.end_ns[own])
    load = running_at(spans.start_ns[root], spans.end_ns[root], came) - is_own
    if int((load > 0).sum()) < _FEWEST_STARTS:
        return False
    found = correlation(gap[rows], load)
    return found > max(_LEAST_CORRELATION, _SURE / float(np.sqrt(max(len(rows), 1))))


def explained_ns(recorded: Recording, gap: Ints, code: int) -> float:
    """How much of a stage's waiting its servers explain."""
    limit = stage_limit(recorded, gap, code)
    servers = limit.evidence.servers
    return 0.0 if servers is None else servers.explained * float(gap[limit.rows].sum())


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


def shared_candidates(recorded: Recording, precedence: Precedence) -> list[int]:
    """Stages of which one request runs several at once, where requests meet one another."""
    spans, root, parent, name = recorded.spans, recorded.tree.root, recorded.parent, recorded.name
    order = np.argsort(spans.start_ns[root], kind="stable")
    start, end = spans.start_ns[root][order], spans.end_ns[root][order]
    if not bool((start[1:] < np.maximum.accumulate(end)[:-1]).any()):
        return []
    child = np.flatnonzero(parent >= 0)
    kinds = np.unique(np.stack((name[parent[child]], name[child]), axis=1), axis=0)
    keys = pair_keys(kinds[:, 0], kinds[:, 1], kinds[:, 1])
    return [int(code) for code in np.unique(kinds[precedence.run_together(keys), 1])]
