"""Stages that wait for so many ends, whichever they are: the k-th start for the k-th end.

Pages are indexed as their OCR comes back, a consumer takes items from a buffer; the first of three
answers is enough; a pool's next job starts as any of its places gets free. The names alone say that
all of them run at once, and so not that one needs the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.spans import Ints
from latprobe.analysis.whatif.places import find_few_of, find_pool, in_turn
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
    """Under callers named `caller` the start number k (from 0) of any of `then` waits for the end
    number k - `free` of any of `before`. All are name codes.

    `free`: how many start without waiting, the places of a pool; below 0, so many ends more than
    the first are waited for.
    """

    caller: int
    before: tuple[int, ...]
    then: tuple[int, ...]
    free: int = 0

    @property
    def is_pool(self) -> bool:
        """Whether they wait for one another, in the order of their starts."""
        return self.free > 0 and self.before == self.then


def learn_counted(recorded: Recording, precedence: Precedence) -> tuple[Counted, ...]:
    """What the requests show of this kind; `precedence` tells which stages run at once."""
    from latprobe.analysis.whatif.precedence import over_ns

    over = over_ns(recorded)
    found: list[Counted] = []
    for caller, stages in _stages_by_caller(recorded):
        pool = find_pool(recorded, precedence, caller, stages, over)
        if pool is not None:
            found.append(pool)
        for then in stages:
            if pool is not None and then in pool.then:
                continue
            for before in _candidates(precedence, caller, stages, then):
                each = Counted(caller, before, (then,))
                if _holds(recorded, each, over):
                    found.append(each)
                    break
                few = find_few_of(recorded, each, over)
                if few is not None:
                    found.append(few)
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
    kinds = recorded.called_kinds()
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
    wanted = len(rows_under(recorded, counted.caller, counted.then))
    callers = len(np.unique(recorded.parent[pairs[:, 0]]))
    if callers < _FEWEST or len(pairs) < 1.5 * callers or len(pairs) < 0.98 * wanted:
        return False
    then, before = pairs[:, 0], pairs[:, 1]
    gap = spans.start_ns[then] - over[before]
    if float((gap < 0).mean()) > _MOST_BEFORE:
        return False
    return at_once_share(recorded, then, before) >= _LEAST_AT_ONCE


def at_once_share(recorded: Recording, then: Ints, before: Ints) -> float:
    """How many of the rows `then` start right as the row `before` them ends."""
    spans = recorded.spans
    near = np.maximum(_AT_ONCE_SHARE * spans.duration_ns[before], _AT_ONCE_NS)
    return float((spans.start_ns[then] - spans.end_ns[before] <= near).mean())


def _matched(recorded: Recording, counted: Counted, end_ns: NDArray[np.generic]) -> Ints:
    """The k-th to start with the end it waits for, under each caller that has as many of those."""
    parent = recorded.parent
    then = rows_under(recorded, counted.caller, counted.then)
    before = rows_under(recorded, counted.caller, counted.before)
    then = then[np.lexsort((recorded.rank[then], parent[then]))]
    if counted.is_pool:
        return in_turn(then, parent[then], end_ns[then], counted.free)
    before = before[np.lexsort((end_ns[before], parent[before]))]
    sizes = np.bincount(parent[before], minlength=len(recorded))
    starts = np.cumsum(sizes) - sizes
    number = np.arange(len(then)) - np.searchsorted(parent[then], parent[then]) - counted.free
    has = (number >= 0) & (number < sizes[parent[then]])
    then, number = then[has], number[has]
    return np.stack((then, before[starts[parent[then]] + number]), axis=1)


def rows_under(recorded: Recording, caller: int, stages: tuple[int, ...]) -> Ints:
    """The rows of these stages under callers of that name."""
    parent, name = recorded.parent, recorded.name
    return np.flatnonzero((parent >= 0) & (name[parent] == caller) & np.isin(name, stages))
