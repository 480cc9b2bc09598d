"""What each start and each end waited for: the siblings whose end had to come first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latprobe.analysis.spans import Ints
from latprobe.analysis.whatif.counted import matched
from latprobe.analysis.whatif.precedence import (
    END,
    Precedence,
    apart_from,
    over_ns,
    pair_keys,
    together_ns,
)
from latprobe.analysis.whatif.recording import Recording

# Of the siblings that ended before a moment, the last so many are asked whether it waited for them.
MOST_SIBLINGS = 1024

# Stages that were seen together elsewhere wait for each other where one begins right after the
# other: a pool's next task, a branch that is taken in turn.
_AT_ONCE_SHARE = 0.02
_AT_ONCE_NS = 200_000

# Where stages run side by side, so many more are asked once one was waited for by another already.
_LOOK_ON = 6

_LATEST = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Waits:
    """Moments and what they waited for. A moment is the start of a child, or a parent's end.

    Moment i is in the parent `parent[i]`, at `time_ns[i]`; `child[i]` is the row that starts, or -1
    for the parent's end. Pair k: moment `moment[k]` waited for the end of row `sibling[k]`.
    """

    parent: Ints
    child: Ints
    time_ns: Ints
    moment: Ints
    sibling: Ints


def find_waits(
    recorded: Recording, parent: Ints, precedence: Precedence, shared: tuple[int, ...] = ()
) -> Waits:
    """The waits of all children under `parent` (a tree as `recorded.tree.parent`, or changed).

    A moment waits for the siblings that were over before, save those whose stage was seen running
    at such a moment in other requests, and those that another one of them waited for already.
    Spans of one stage in `shared` take turns with other requests' and not with one another.
    """
    waits = _moments(recorded, parent)
    precedence = apart_from(precedence, shared)
    over = over_ns(recorded)
    ended, first, last = _ended_before(recorded, parent, over, waits)
    moments, siblings = _search(recorded, parent, precedence, waits, ended, first, last, shared)
    if precedence.counted:
        moments, siblings = _with_counted(recorded, precedence, waits, over, moments, siblings)
    return Waits(waits.parent, waits.child, waits.time_ns, moments, siblings)


def _moments(recorded: Recording, parent: Ints) -> Waits:
    child = np.flatnonzero(parent >= 0)
    holder = np.unique(parent[child])
    nothing = np.zeros(0, np.int64)
    return Waits(
        parent=np.concatenate((parent[child], holder)),
        child=np.concatenate((child, np.full(len(holder), -1))),
        time_ns=np.concatenate((recorded.spans.start_ns[child], recorded.spans.end_ns[holder])),
        moment=nothing,
        sibling=nothing,
    )


def _ended_before(
    recorded: Recording, parent: Ints, over: Ints, waits: Waits
) -> tuple[Ints, Ints, Ints]:
    """Children by parent and end; and per moment the range of those that are of its parent and
    were over by then: from `first` up to and without `last`."""
    child = np.flatnonzero(parent >= 0)
    order = child[np.lexsort((recorded.rank[child], over[child], parent[child]))]
    count = len(order)
    holders = np.concatenate((parent[order], waits.parent))
    times = np.concatenate((over[order], waits.time_ns))
    is_moment = np.arange(len(holders)) >= count
    sequence = np.lexsort((is_moment, times, holders))
    so_far = np.cumsum(~is_moment[sequence])
    last = np.empty(len(holders), np.int64)
    last[sequence] = so_far
    first = np.searchsorted(parent[order], waits.parent)
    return order, first, last[count:]


def _search(
    recorded: Recording,
    parent: Ints,
    precedence: Precedence,
    waits: Waits,
    ended: Ints,
    first: Ints,
    last: Ints,
    shared: tuple[int, ...],
) -> tuple[Ints, Ints]:
    is_shared = np.isin(recorded.name, shared)
    spans, name, rank = recorded.spans, recorded.name, recorded.rank
    is_end = waits.child < 0
    then_name = np.where(is_end, END, name[waits.child])
    then_start = np.where(is_end, _LATEST, spans.start_ns[waits.child])
    then_rank = np.where(is_end, _LATEST, rank[waits.child])
    newest = np.full(len(waits.parent), -_LATEST)  # the latest start of what is waited for
    newest_name = np.zeros(len(waits.parent), np.int64)
    is_first = np.ones(len(waits.parent), np.bool_)
    passed = np.zeros(len(waits.parent), np.int64)
    active = np.flatnonzero(last > first)
    moments, siblings = [], []
    for back in range(1, MOST_SIBLINGS + 1):
        active = active[last[active] - back >= first[active]]
        if len(active) == 0:
            break
        each = ended[last[active] - back]
        is_before = (rank[each] < then_rank[active]) & (each != waits.child[active])
        holder = name[waits.parent[active]]
        keys = pair_keys(holder, name[each], then_name[active])
        apart = ~precedence.run_together(keys)
        is_later = then_start[active] - spans.start_ns[each] > together_ns(recorded, each)
        apart |= is_later & precedence.is_in_step(keys)
        gap = waits.time_ns[active] - spans.end_ns[each]
        at_once = gap <= np.maximum(_AT_ONCE_SHARE * spans.duration_ns[each], _AT_ONCE_NS)
        at_once &= ~(is_shared[each] & (name[each] == then_name[active]))
        covered = spans.end_ns[each] <= newest[active]
        if covered.any():
            keys = pair_keys(holder, name[each], newest_name[active])
            covered &= ~precedence.run_together(keys) | precedence.is_in_step(keys)
        wanted = is_before & ~covered & (apart | (at_once & is_first[active]))
        is_first[active[is_before]] = False
        moments.append(active[wanted])
        siblings.append(each[wanted])
        later = wanted & (spans.start_ns[each] > newest[active])
        newest[active[later]] = spans.start_ns[each[later]]
        newest_name[active[later]] = name[each[later]]
        # What ended before one that was waited for already is too, unless it ran beside that one.
        passed[active[covered & is_before]] += 1
        is_alone = ~precedence.has_company(holder, name[each])
        active = active[~(covered & is_before & (is_alone | (passed[active] > _LOOK_ON)))]
    if not moments:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.concatenate(moments), np.concatenate(siblings)


def _with_counted(
    recorded: Recording,
    precedence: Precedence,
    waits: Waits,
    over: Ints,
    moments: Ints,
    siblings: Ints,
) -> tuple[Ints, Ints]:
    """The waits with those by count in place of others between the same stages."""
    pairs = matched(recorded, precedence.counted, over)
    if len(pairs) == 0:
        return moments, siblings
    moment_of = np.full(len(recorded), -1, np.int64)
    started = waits.child >= 0
    moment_of[waits.child[started]] = np.flatnonzero(started)
    is_old = np.zeros(len(moments), np.bool_)
    then = np.where(started[moments], recorded.name[waits.child[moments]], -1)
    for each in precedence.counted:
        is_here = recorded.name[waits.parent[moments]] == each.caller
        is_old |= is_here & np.isin(then, each.then) & np.isin(recorded.name[siblings], each.before)
    pairs = pairs[recorded.spans.start_ns[pairs[:, 0]] >= over[pairs[:, 1]]]
    return (
        np.concatenate((moments[~is_old], moment_of[pairs[:, 0]])),
        np.concatenate((siblings[~is_old], pairs[:, 1])),
    )
