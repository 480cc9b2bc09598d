"""What requests share and wait for: servers behind a stage."""

from __future__ import annotations

import numpy as np

from latprobe.analysis.queueing.concurrency import running_at
from latprobe.analysis.spans import Ints
from latprobe.analysis.whatif.contrast import correlation, places, request_of, requests_overlap
from latprobe.analysis.whatif.graph import Edges
from latprobe.analysis.whatif.precedence import Precedence, pair_keys
from latprobe.analysis.whatif.recording import Recording
from latprobe.analysis.whatif.shared_lines import joined_limits
from latprobe.analysis.whatif.stage_limit import StageLimit, stage_limit
from latprobe.analysis.whatif.unreplayable import keeps_pace, shares_batches

# A stage whose gaps take less of all request time than this is not looked at.
_LEAST_SHARE = 0.01

# Waiting that grows with the load and takes more of the request time than this has to be explained.
_MOST_UNEXPLAINED = 0.05
_LEAST_CORRELATION, _SURE = 0.2, 4.0

# Why a stage's waiting cannot be replayed, after its name.
_LOAD = (
    "waits before it starts, the longer the more requests are at work, but no number of servers "
    "explains it: put one stage around all of what the queue is for."
)
_PACE = (
    "starts at a steady pace over all requests, as behind a rate limit, and what that lets through "
    "after a change cannot be replayed: lift the limit for a trial, and record that."
)
_BATCHES = (
    "ends for several requests at once, as if they shared a batch: who meets whom, and how long a "
    "batch waits to fill up, cannot be replayed. `latprobe load` shows what each size takes."
)

# Fewer spans that came while others were at work do not show what that does.
_FEWEST_STARTS = 20


def gap_ns(recorded: Recording, edges: Edges) -> Ints:
    """What lies between each span's start and the last of what it waited for."""
    gap = np.zeros(len(recorded), np.int64)
    starts = edges.target < len(recorded)
    gap[edges.target[starts]] = edges.work_ns[starts].astype(np.int64)
    return np.maximum(gap, 0)


def stage_limits(recorded: Recording, gap: Ints) -> tuple[list[StageLimit], dict[int, str]]:
    """The stages that wait for servers, as far as their waiting matters to the requests; and, by
    name code, what others wait for that cannot be replayed. None where no two requests ran at
    once."""
    if not requests_overlap(recorded):
        return [], {}
    total = max(float(recorded.spans.duration_ns[recorded.tree.root].sum()), 1.0)
    by_name = np.bincount(recorded.name, weights=gap)
    waiting = np.flatnonzero(by_name > _LEAST_SHARE * total).tolist()
    apart = [stage_limit(recorded, gap, code) for code in waiting]
    limits = joined_limits(recorded, gap, apart)
    unexplained = {
        code: _BATCHES
        for code in np.unique(recorded.name[recorded.tree.parent >= 0]).tolist()
        if shares_batches(recorded, gap, code)
    }
    for limit in limits:
        code = limit.codes[0]
        if limit.evidence.servers is None and by_name[code] > _MOST_UNEXPLAINED * total:
            if keeps_pace(recorded, gap, code):
                unexplained.setdefault(code, _PACE)
            elif _grows_with_load(recorded, gap, code):
                unexplained.setdefault(code, _LOAD)
    explained = [
        limit
        for limit in limits
        if limit.evidence.servers is not None and not set(limit.codes) & set(unexplained)
    ]
    return explained, unexplained


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


def shared_candidates(recorded: Recording, precedence: Precedence) -> list[int]:
    """Stages of which one request runs several at once, where requests meet one another."""
    if not requests_overlap(recorded):
        return []
    kinds = recorded.called_kinds()
    keys = pair_keys(kinds[:, 0], kinds[:, 1], kinds[:, 1])
    return [int(code) for code in np.unique(kinds[precedence.run_together(keys), 1])]
