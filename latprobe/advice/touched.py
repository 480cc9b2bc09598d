"""Which stages a change touches: those that it names, who calls them, what they call, who waits.

A stage that stands in line for a named one (a lock, a pool's place, a join) has less to wait for
once that takes less time: this is the change's doing, although it neither calls nor is called.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latprobe.advice.stage_words import is_named
from latprobe.analysis.requests import Requests, even_sample, fetch_batches, fetch_requests
from latprobe.analysis.scope import Scope
from latprobe.analysis.spans import Ints, Spans
from latprobe.analysis.tree import build_tree
from latprobe.store.query import Query

Flags = NDArray[np.bool_]

# Who calls whom shows in a few requests; who waits for whom shows among neighbours in time.
_LOOKED_AT, _IN_A_ROW = 50, 300
# A waiter goes on so long after what it waited for has ended: a share of its wait, and no more than
# threads take to wake up on a busy machine.
_LATE_SHARE, _LATEST_NS = 0.05, 5_000_000
# Of the longer waits so many end so, and so many times as many as moments in their middle do.
_LEAST_SHARE, _TIMES_CHANCE, _FEWEST = 0.5, 3.0, 10


def touched_stages(query: Query, scope: Scope, subjects: Sequence[str]) -> set[str]:
    """Stages that a subject names, those that call them or that they call, and those that wait for
    any of these; empty where none that is named was recorded."""
    requests = fetch_requests(query, scope)
    found: set[str] = set()
    for _, spans, rows in _marked(query, even_sample(requests, _LOOKED_AT), subjects):
        found.update(spans.names[code] for code in np.unique(spans.name[rows.all]).tolist())
    if not found:
        return found
    newest = requests.take(np.arange(max(len(requests) - _IN_A_ROW, 0), len(requests)))
    for _, spans, rows in _marked(query, newest, subjects):
        found |= _waiting(spans, rows)
    return found


@dataclass(frozen=True, slots=True)
class _Rows:
    """Spans that are named or called by such, and those that call them."""

    below: Flags
    above: Flags

    @property
    def all(self) -> Flags:
        return np.asarray(self.below | self.above)


def _marked(
    query: Query, requests: Requests, subjects: Sequence[str]
) -> list[tuple[Requests, Spans, _Rows]]:
    found = []
    for part, table in fetch_batches(query, requests):
        spans = Spans.from_table(table)
        named = np.array(
            [any(is_named(name, each) for each in subjects) for name in spans.names], bool
        )
        if named.any():
            found.append((part, spans, _around(named[spans.name], build_tree(spans).parent)))
    return found


def _around(own: Flags, parent: Ints) -> _Rows:
    below, above = own.copy(), own.copy()
    for _ in range(len(own)):  # as often as the tree is deep
        deeper = below | ((parent >= 0) & below[parent])
        if (deeper == below).all():
            break
        below = deeper
    rows = np.flatnonzero(own)
    while len(rows):
        rows = np.unique(parent[rows])
        rows = rows[rows >= 0]
        above[rows] = True
    return _Rows(below, above)


def _waiting(spans: Spans, rows: _Rows) -> set[str]:
    """Stages whose longer runs mostly end as a touched one ends that ran meanwhile: one of another
    request, or one that is named in their own."""
    others = np.setdiff1d(np.unique(spans.name), np.unique(spans.name[rows.all]))
    ends = _Ends.of(spans, rows)
    found = set()
    for code in others.tolist():
        runs = np.flatnonzero(spans.name == code)
        took = spans.duration_ns[runs]
        runs = runs[(took > 0) & (took >= took.mean() / 2)]
        if len(runs) < _FEWEST:
            continue
        at_end = ends.share(spans, runs, spans.end_ns[runs])
        midst = ends.share(spans, runs, spans.start_ns[runs] + spans.duration_ns[runs] // 2)
        if at_end >= max(_LEAST_SHARE, _TIMES_CHANCE * midst):
            found.add(spans.names[code])
    return found


@dataclass(frozen=True, slots=True)
class _Ends:
    """The touched spans in the order of their ends."""

    end_ns: list[int]
    start_ns: list[int]
    trace: list[int]
    is_below: list[bool]

    @classmethod
    def of(cls, spans: Spans, rows: _Rows) -> _Ends:
        which = np.flatnonzero(rows.all)
        which = which[np.argsort(spans.end_ns[which], kind="stable")]
        columns = (spans.end_ns, spans.start_ns, spans.trace, rows.below)
        return cls(*(column[which].tolist() for column in columns))

    def share(self, spans: Spans, runs: Ints, moments: Ints) -> float:
        """Of these moments, one in each of the runs, how many come just after such an end."""
        met = 0
        for run, moment in zip(runs.tolist(), moments.tolist(), strict=True):
            late = min(int(_LATE_SHARE * spans.duration_ns[run]), _LATEST_NS)
            met += self._is_met(int(spans.trace[run]), moment, late)
        return met / len(runs)

    def _is_met(self, trace: int, moment: int, late: int) -> bool:
        """Whether one that began well before the moment ended at most `late` before it."""
        for at in range(bisect_left(self.end_ns, moment - late), len(self.end_ns)):
            # Clocks of two threads may differ by a hair.
            if self.end_ns[at] > moment + late // 10:
                return False
            if self.start_ns[at] < moment - 2 * late and (
                self.is_below[at] or self.trace[at] != trace
            ):
                return True
        return False
