"""The servers behind a stage, seen over all requests of a recording."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from latprobe.analysis.queueing import Evidence, look_for_servers
from latprobe.analysis.queueing.concurrency import in_system
from latprobe.analysis.queueing.servers import FEWEST_WAITS
from latprobe.analysis.spans import Ints
from latprobe.analysis.whatif.graph import Floats
from latprobe.analysis.whatif.recording import Recording

# A smaller share of spans that found a server free does not show what passes then.
_FREE_SHARE = 0.25

# First, second and later runs of a stage in one request are told apart.
_MOST_RUNS = 3


@dataclass(frozen=True, slots=True)
class StageLimit:
    """The servers found behind the stages with these name codes, or why there are none.

    Nearly always one stage. `releases`: the rows whose end frees a server; those of a later stage,
    `until`, where a server is held over several stages.
    """

    codes: tuple[int, ...]
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
    best = StageLimit((code,), rows, alone, rows)
    if alone.servers is not None or len(rows) == 0:
        return best
    for until, first, last in _held_until(recorded, rows):
        start = spans.start_ns[first]
        held = look_for_servers(start - gap[first], start, spans.end_ns[last])
        known = best.evidence.servers
        if held.servers and (known is None or held.servers.explained > known.explained):
            best = StageLimit((code,), first, held, last, until)
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


def lead_ns(recorded: Recording, gap: Ints, limit: StageLimit) -> Floats:
    """What passes between each span's turn and its start while a server is free: no waiting.

    The median over the spans of its kind that found a server free as they came. Where few did, some
    of these came between one span and the next that had waited; then it is the least of all gaps.
    A stage's second run in a request is of another kind than its first: a retry holds back before.
    """
    before = gap[limit.rows]
    lead = np.zeros(len(before))
    servers = limit.evidence.servers
    if servers is None:
        return lead
    start, end = recorded.spans.start_ns[limit.rows], recorded.spans.end_ns[limit.releases]
    is_free = in_system(start - before, start, end) < servers.count
    kind = _kinds(recorded, limit)
    for each in np.unique(kind).tolist():
        here = kind == each
        free = before[here & is_free]
        is_usual = len(free) >= _FREE_SHARE * int(here.sum())
        lead[here] = float(np.median(free)) if is_usual else float(before[here].min())
    return lead


def _kinds(recorded: Recording, limit: StageLimit) -> Ints:
    """A number for each of the limit's spans: its stage, and whether it is that one's first run in
    its request, its second, or a later one. Kinds of a few spans count as first runs."""
    rows, spans = limit.rows, recorded.spans
    name = recorded.name[rows]
    request = np.searchsorted(spans.offsets(), rows, side="right") - 1
    order = np.lexsort((spans.start_ns[rows], name, request))
    is_new = np.append(True, (np.diff(request[order]) != 0) | (np.diff(name[order]) != 0))
    is_new = is_new[: len(rows)]
    place = np.arange(len(rows))
    run = np.empty(len(rows), np.int64)
    run[order] = place - np.maximum.accumulate(np.where(is_new, place, 0))
    kind = name * _MOST_RUNS + np.minimum(run, _MOST_RUNS - 1)
    _, where, often = np.unique(kind, return_inverse=True, return_counts=True)
    return np.where(often[where] >= FEWEST_WAITS, kind, name * _MOST_RUNS)
