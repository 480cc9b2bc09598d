"""Stages that take up, one by one, what others have finished: the k-th start waits for k ends.

Pages are indexed as their OCR comes back, whichever comes first; a consumer takes items from a
buffer. The names alone say that both run at once, and so not that one needs the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.spans import Ints
from latprobe.analysis.whatif.recording import Recording

if TYPE_CHECKING:
    from latprobe.analysis.whatif.graph import Edges
    from latprobe.analysis.whatif.precedence import Precedence

# So many callers with several of both, and starts right at such an end, show that one takes up
# what the other gives; and hardly ever may one start before.
_FEWEST, _LEAST_AT_ONCE, _MOST_BEFORE = 20, 0.05, 0.002

# Within this, or this share of what ended, a start is right at an end.
_AT_ONCE_NS, _AT_ONCE_SHARE = 200_000, 0.02

# Callers with more kinds of stages than this are not searched: every pair would be tried.
_MOST_STAGES = 24


@dataclass(frozen=True, slots=True)
class Counted:
    """Under callers named `caller` the k-th start of `then` waits for the k-th end of any of
    `before`. All are name codes."""

    caller: int
    before: tuple[int, ...]
    then: int


def learn_counted(recorded: Recording, precedence: Precedence) -> tuple[Counted, ...]:
    """What the requests show of this kind; `precedence` tells which stages run at once."""
    from latprobe.analysis.whatif.precedence import over_ns

    over = over_ns(recorded)
    found = []
    for caller, stages in _stages_by_caller(recorded):
        for then in stages:
            for before in _candidates(precedence, caller, stages, then):
                each = Counted(caller, before, then)
                if _holds(recorded, each, over):
                    found.append(each)
                    break
    return tuple(found)


def matched(recorded: Recording, counted: tuple[Counted, ...], end_ns: NDArray[np.generic]) -> Ints:
    """Rows that wait and, in the second column, the rows whose end they wait for, if spans end
    at `end_ns`."""
    pairs = [_matched(recorded, each, end_ns) for each in counted]
    return np.concatenate(pairs) if pairs else np.zeros((0, 2), np.int64)


def rematched(edges: Edges, spans: int, old: Ints, new: Ints) -> Edges:
    """The edges with the waits `old` replaced by `new`, row by row."""
    keys = edges.target * (2 * spans) + edges.source
    known = old[:, 0] * (2 * spans) + old[:, 1] + spans
    order = np.argsort(known)
    place = np.minimum(np.searchsorted(known, keys, sorter=order), len(known) - 1)
    at = order[place]
    source = np.where(known[at] == keys, new[at, 1] + spans, edges.source)
    return type(edges)(edges.target, source, edges.work_ns, edges.owner)


def _stages_by_caller(recorded: Recording) -> Iterator[tuple[int, list[int]]]:
    parent, name = recorded.parent, recorded.name
    child = np.flatnonzero(parent >= 0)
    kinds = np.unique(np.stack((name[parent[child]], name[child]), axis=1), axis=0)
    bounds = np.flatnonzero(np.diff(kinds[:, 0], prepend=-1, append=-1))
    for first, last in pairwise(bounds.tolist()):
        if 2 <= last - first <= _MOST_STAGES:
            yield int(kinds[first, 0]), kinds[first:last, 1].tolist()


def _candidates(
    precedence: Precedence, caller: int, stages: list[int], then: int
) -> list[tuple[int, ...]]:
    from latprobe.analysis.whatif.precedence import pair_keys

    others = [each for each in stages if each != then]
    first = np.array(others, np.int64)
    both = precedence.run_together(
        pair_keys(np.full(len(first), caller), first, np.full(len(first), then))
    )
    together = [each for each, is_both in zip(others, both.tolist(), strict=True) if is_both]
    single: list[tuple[int, ...]] = [(each,) for each in together]
    return [*single, tuple(together)] if len(together) > 1 else single


def _holds(recorded: Recording, counted: Counted, over: Ints) -> bool:
    spans = recorded.spans
    pairs = _matched(recorded, counted, over)
    wanted = int(((recorded.name == counted.then) & _is_under(recorded, counted.caller)).sum())
    callers = len(np.unique(recorded.parent[pairs[:, 0]]))
    if callers < _FEWEST or len(pairs) < 1.5 * callers or len(pairs) < 0.98 * wanted:
        return False
    then, before = pairs[:, 0], pairs[:, 1]
    gap = spans.start_ns[then] - over[before]
    if float((gap < 0).mean()) > _MOST_BEFORE:
        return False
    near = np.maximum(_AT_ONCE_SHARE * spans.duration_ns[before], _AT_ONCE_NS)
    return float((spans.start_ns[then] - spans.end_ns[before] <= near).mean()) >= _LEAST_AT_ONCE


def _matched(recorded: Recording, counted: Counted, end_ns: NDArray[np.generic]) -> Ints:
    """The k-th to start with the k-th to end, under each caller that has as many of the latter."""
    parent, name = recorded.parent, recorded.name
    under = _is_under(recorded, counted.caller)
    then = np.flatnonzero(under & (name == counted.then))
    before = np.flatnonzero(under & np.isin(name, counted.before))
    then = then[np.lexsort((recorded.rank[then], parent[then]))]
    before = before[np.lexsort((end_ns[before], parent[before]))]
    sizes = np.bincount(parent[before], minlength=len(recorded))
    starts = np.cumsum(sizes) - sizes
    number = np.arange(len(then)) - np.searchsorted(parent[then], parent[then])
    has = number < sizes[parent[then]]
    then, number = then[has], number[has]
    return np.stack((then, before[starts[parent[then]] + number]), axis=1)


def _is_under(recorded: Recording, caller: int) -> NDArray[np.bool_]:
    parent = recorded.parent
    return np.asarray((parent >= 0) & (recorded.name[parent] == caller))
