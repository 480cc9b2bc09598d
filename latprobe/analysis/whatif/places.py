"""Pools within a request, and the first few answers of several."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from heapq import heappush, heapreplace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.spans import Ints
from latprobe.analysis.whatif.recording import Recording

if TYPE_CHECKING:
    from latprobe.analysis.whatif.counted import Counted
    from latprobe.analysis.whatif.precedence import Precedence

# So many callers show it; hardly ever may it be otherwise; so many starts are at such an end.
_FEWEST, _ALWAYS, _AT_ONCE = 20, 0.98, 0.8

# More places than this are not told from none.
_MOST_PLACES = 64


def find_pool(
    recorded: Recording, precedence: Precedence, caller: int, stages: list[int], over: Ints
) -> Counted | None:
    """The stages under such a caller that take turns on n places of its own: never more than n run,
    and whoever starts beyond the n-th does so as one of them ends. None if there are none."""
    from latprobe.analysis.whatif.counted import Counted, matched

    for group in _groups(precedence, caller, stages):
        places = _most_at_once(recorded, caller, group, over)
        if not 2 <= places <= _MOST_PLACES:
            continue
        pool = Counted(caller, group, group, places)
        pairs = matched(recorded, (pool,), over)
        callers = len(np.unique(recorded.parent[pairs[:, 0]]))
        if callers < _FEWEST or not _are_at_once(recorded, pairs):
            continue
        if not _is_chained(recorded, pairs, group):
            return pool
    return None


def _groups(precedence: Precedence, caller: int, stages: list[int]) -> Iterator[tuple[int, ...]]:
    """Stages any two of which run at once: all such, all but one, and each that runs beside itself.
    Two that never do are steps of a chain."""
    from latprobe.analysis.whatif.precedence import pair_keys

    first, then = (each.ravel() for each in np.meshgrid(stages, stages, indexing="ij"))
    keys = pair_keys(np.full(len(first), caller), first, then)
    both = precedence.run_together(keys).reshape(len(stages), len(stages))
    both |= both.T
    names = np.array(stages)
    some = np.flatnonzero(both.any(axis=0))
    tried = [some, *(some[some != each] for each in some)] if len(some) > 1 else []
    for rows in tried:
        if len(rows) > 1 and bool((both[np.ix_(rows, rows)] | np.eye(len(rows), dtype=bool)).all()):
            yield tuple(names[rows].tolist())
    yield from ((int(each),) for each in names[both.diagonal()])


def _is_chained(recorded: Recording, pairs: Ints, group: tuple[int, ...]) -> bool:
    """Whether one of several stages always follows the same other: workers with steps, no jobs."""
    if len(group) == 1:
        return False
    then, before = recorded.name[pairs[:, 0]], recorded.name[pairs[:, 1]]
    for each in np.unique(then).tolist():
        names, often = np.unique(before[then == each], return_counts=True)
        is_other = names[np.argmax(often)] != each
        if is_other and float(often.max()) >= _ALWAYS * float(often.sum()):
            return True
    return False


def find_few_of(recorded: Recording, counted: Counted, over: Ints) -> Counted | None:
    """The same stages where the one start waits for the first j ends of more than j; else None."""
    from latprobe.analysis.whatif.counted import matched, rows_under

    parent = recorded.parent
    then = rows_under(recorded, counted.caller, counted.then)
    before = rows_under(recorded, counted.caller, counted.before)
    if len(then) < _FEWEST or len(np.unique(parent[then])) < len(then):
        return None
    row_of = np.full(len(recorded), -1, np.int64)
    row_of[parent[then]] = then
    waited = row_of[parent[before]]
    before, waited = before[waited >= 0], waited[waited >= 0]
    is_over = over[before] <= recorded.spans.start_ns[waited]
    ended = np.bincount(waited[is_over], minlength=len(recorded))[then]
    number = int(np.median(ended))
    more = np.bincount(waited, minlength=len(recorded))[then] > number
    if number < 1 or float((more & (ended >= number)).mean()) < _ALWAYS:
        return None
    found = replace(counted, free=1 - number)
    pairs = matched(recorded, (found,), over)
    return found if _are_at_once(recorded, pairs) else None


def in_turn(rows: Ints, caller: Ints, end_ns: NDArray[np.generic], places: int) -> Ints:
    """The rows of a pool, by caller and start, with the row whose place each one takes.

    That is the first to end, if they end at `end_ns`, of those that started before it and gave
    their places to nobody yet.
    """
    pairs: list[tuple[int, int]] = []
    busy: list[tuple[float, int]] = []
    last = -1
    for row, holder, end in zip(rows.tolist(), caller.tolist(), end_ns.tolist(), strict=True):
        if holder != last:
            busy, last = [], holder
        if len(busy) < places:
            heappush(busy, (end, row))
        else:
            pairs.append((row, heapreplace(busy, (end, row))[1]))
    return np.array(pairs, np.int64).reshape(-1, 2)


def _are_at_once(recorded: Recording, pairs: Ints) -> bool:
    from latprobe.analysis.whatif.counted import at_once_share

    return len(pairs) > 0 and at_once_share(recorded, pairs[:, 0], pairs[:, 1]) >= _AT_ONCE


def _most_at_once(recorded: Recording, caller: int, group: tuple[int, ...], over: Ints) -> int:
    """How many of the group run at once under one caller, but for slips of the clock."""
    from latprobe.analysis.whatif.counted import rows_under

    rows = rows_under(recorded, caller, group)
    parent, start = recorded.parent[rows], recorded.spans.start_ns[rows]
    times = np.concatenate((start, over[rows]))
    is_end = np.arange(2 * len(rows)) >= len(rows)
    order = np.lexsort((~is_end, times, np.concatenate((parent, parent))))
    running = np.cumsum(np.where(is_end[order], -1, 1))[~is_end[order]]
    return int(np.quantile(running, _ALWAYS, method="higher")) if len(running) else 0
