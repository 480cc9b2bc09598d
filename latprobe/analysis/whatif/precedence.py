"""Which stages wait for which, learnt from all requests together.

One request cannot tell "b waits for a" from "a happened to end before b began". Many can: two
stages of the same caller that were seen to run at once do not wait for each other's end.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.spans import Ints
from latprobe.analysis.whatif.counted import Counted
from latprobe.analysis.whatif.recording import NAME_BITS, Recording

Flags = NDArray[np.bool_]

# The end of the caller, where otherwise a sibling's name stands.
END = (1 << NAME_BITS) - 1

# So many of the siblings that started before one are looked at when learning.
LOOK_BACK = 48

# One in so many seen running together is taken for a slip of the clock.
_RARE = 500

# A span counts as over when this share of it, or at most so many ns, were left: its end is noted
# a little after what it did was handed on.
_LATE_SHARE = 0.01
_LATE_NS = 200_000

# Ends this close are one moment. By chance few are, where times vary by at least so much.
_TIE_MS, _LEAST_SPREAD_MS, _RACE_SHARE = 0.2, 1.0, 0.6

# Runs of one batch of tasks begin within this share of their length, or within so much.
_TOGETHER_SHARE, _TOGETHER_NS = 0.05, 200_000

# A stage of which so many start as another one ends, within so much, does so because of that.
_NEXT, _NEXT_NS = 0.3, 200_000

# Fewer pairs do not show that one stage reads the other's stream.
_FEWEST_PAIRS = 20


def over_ns(recorded: Recording) -> Ints:
    """When each span counts as over: its end, less what is lost in handing over."""
    spans = recorded.spans
    late = np.minimum((spans.duration_ns * _LATE_SHARE).astype(np.int64), _LATE_NS)
    return spans.end_ns - late


def pair_keys(parent: Ints, first: Ints, then: Ints) -> Ints:
    """One number for the names of a caller and of two stages that it calls."""
    return (parent << (2 * NAME_BITS)) | (first << NAME_BITS) | then


def names_of(key: int) -> tuple[int, int, int]:
    """The three names in a key."""
    return key >> (2 * NAME_BITS), (key >> NAME_BITS) & END, key & END


@dataclass(frozen=True, slots=True)
class Precedence:
    """Pairs of stages by `pair_keys`, sorted. `together`: were seen to run at once. `in_step`: only
    where they had begun together, so that one that begins later waits for the other's end.

    `streams`: the second reads what the first makes: it begins while the first runs, ends after
    it, and ends sooner when the first does. `outlasts`: it began and ended after the first began
    and ended, always, and they always overlapped. `begins`: such a one whose start is an event
    within the first: the longer until then, the longer the first takes in all (slope 1; 0 if it
    started by itself). `within`: the same of one whose first run under a caller begins so, which
    ends when it likes and did not start as another one ended. `races`: they mostly end at the same
    moment although their times vary, as where the first answer stops the others. `counted`: see
    counted.py.
    """

    together: Ints
    streams: Ints
    outlasts: Ints
    begins: Ints
    within: Ints
    races: Ints
    in_step: Ints
    counted: tuple[Counted, ...] = ()

    def run_together(self, keys: Ints) -> Flags:
        return _among(keys, self.together)

    def has_company(self, caller: Ints, stage: Ints) -> Flags:
        """Whether each stage was seen beside another one of the same caller."""
        first, then = self.together >> NAME_BITS, self.together & END
        above = first >> NAME_BITS << NAME_BITS
        both = np.unique(np.concatenate((first, above | then)))
        return _among((caller << NAME_BITS) | stage, both[(both & END) != END])

    def is_in_step(self, keys: Ints) -> Flags:
        return _among(keys, self.in_step)

    def is_stream(self, keys: Ints) -> Flags:
        return _among(keys, self.streams)

    def does_begin(self, keys: Ints) -> Flags:
        return _among(keys, self.begins)

    def is_within(self, keys: Ints) -> Flags:
        return _among(keys, self.within)

    def does_outlast(self, keys: Ints) -> Flags:
        return _among(keys, self.outlasts)


def apart_from(precedence: Precedence, stages: tuple[int, ...]) -> Precedence:
    """Without the waits by count of these stages, which take turns with other requests'."""
    if not stages or not precedence.counted:
        return precedence
    kept = (each for each in precedence.counted if not set(each.then) & set(stages))
    return replace(precedence, counted=tuple(kept))


def without_starts(precedence: Precedence, stages: Ints) -> Precedence:
    """Without what was learnt from when these stages, by name code, began: they began later."""
    if not len(stages):
        return precedence
    kept = [keys[~np.isin(keys & END, stages)] for keys in (precedence.within, precedence.in_step)]
    return replace(precedence, within=kept[0], in_step=kept[1])


@dataclass(slots=True)
class Learner:
    """Adds up what recordings show; a row of `sums` per pair of stages, and one of `leads` of the
    second's first runs alone."""

    sums: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    leads: dict[int, NDArray[np.float64]] = field(default_factory=dict)

    def add(self, recorded: Recording) -> None:
        """Adds every pair of siblings, and every child with its parent's end."""
        self._add_ends(recorded)
        spans, parent, name = recorded.spans, recorded.parent, recorded.name
        rows = np.flatnonzero(parent >= 0)
        order = rows[np.lexsort((recorded.rank[rows], parent[rows]))]
        over = over_ns(recorded)
        is_next = _starts_at_an_end(recorded, rows, over)
        is_lead = _is_first_run(recorded, order)
        here = np.arange(len(order))
        for back in range(1, LOOK_BACK + 1):
            here = here[here >= back]
            here = here[parent[order[here]] == parent[order[here - back]]]
            if len(here) == 0:
                break
            then, first = order[here], order[here - back]
            is_running = over[first] > spans.start_ns[then]
            keys = pair_keys(name[parent[then]], name[first], name[then])
            rest = (spans.end_ns[first] - spans.start_ns[then]) / 1e6
            tail = (spans.end_ns[then] - spans.end_ns[first]) / 1e6
            waited = spans.start_ns[then] - spans.start_ns[first]
            is_late = waited > 0.02 * spans.duration_ns[first]
            wait, length = waited / 1e6, spans.duration_ns[first] / 1e6
            is_tie = np.abs(tail) <= _TIE_MS
            columns = (
                *(is_running, tail >= 0, is_late, rest, rest * rest, tail, tail * tail),
                *(wait, wait * wait, wait * rest, is_tie, length, length * length),
                *(is_next[then], waited > together_ns(recorded, first)),
            )
            _add(self.sums, keys, is_running, columns)
            at = is_lead[then]
            _add(self.leads, keys[at], is_running[at], tuple(each[at] for each in columns))

    def finish(self) -> Precedence:
        """What was seen, as pairs."""
        if not self.sums:
            nothing = np.zeros(0, np.int64)
            return Precedence(nothing, nothing, nothing, nothing, nothing, nothing, nothing)
        keys, columns = _table(self.sums)
        pairs, running, after, late, rest, rest2, tail, tail2 = columns[:8]
        ties, length, length2 = columns[11:14]
        count = np.maximum(running, 1)
        overlaps = (running >= _FEWEST_PAIRS) & (running >= 0.98 * pairs)
        outlasts = overlaps & (after >= 0.99 * running)
        spread, kept = rest2 / count - (rest / count) ** 2, tail2 / count - (tail / count) ** 2
        streams = outlasts & (late >= 0.95 * running) & (kept < 0.25 * spread)
        begins = outlasts & _begins_inside(columns)
        varied = length2 / count - (length / count) ** 2 > _LEAST_SPREAD_MS**2
        races = (running >= _FEWEST_PAIRS) & varied & (late < 0.5 * running)
        races &= ties >= _RACE_SHARE * pairs
        in_step = (running * _RARE > pairs) & (columns[15] * _RARE <= pairs)
        outlasts, streams, begins = outlasts & ~races, streams & ~races, begins & ~races
        within = self._within()
        within = within[~(_among(within, keys[outlasts]) | _among(within, keys[races]))]
        return Precedence(
            together=keys[running * _RARE > pairs],
            streams=keys[streams],
            outlasts=keys[outlasts],
            begins=keys[begins],
            within=within,
            races=keys[races],
            in_step=keys[in_step & ((keys & END) != END)],
        )

    def _within(self) -> Ints:
        if not self.leads:
            return np.zeros(0, np.int64)
        keys, columns = _table(self.leads)
        _, first, then = np.array([names_of(key) for key in keys.tolist()]).T
        running, next_ = columns[1], columns[14]
        found = (running >= _FEWEST_PAIRS) & (running >= 0.98 * columns[0])
        found &= (next_ < _NEXT * running) & (first != then)
        return np.asarray(keys[found & _begins_inside(columns)])

    def _add_ends(self, recorded: Recording) -> None:
        parent, name = recorded.parent, recorded.name
        child = np.flatnonzero(parent >= 0)
        keys = pair_keys(name[parent[child]], name[child], np.full(len(child), END))
        outlives = over_ns(recorded)[child] > recorded.spans.end_ns[parent[child]]
        nothing = np.zeros(len(child))
        _add(self.sums, keys, outlives, (outlives, *(nothing for _ in range(14))))


def _add(
    sums: dict[int, NDArray[np.float64]],
    keys: Ints,
    running: Flags,
    columns: tuple[NDArray[np.generic], ...],
) -> None:
    found, place = np.unique(keys, return_inverse=True)
    added: list[NDArray[np.generic]] = [np.bincount(place, minlength=len(found))]
    at = np.flatnonzero(running)
    own = place[at]
    for column in columns:
        added.append(np.bincount(own, weights=column[at], minlength=len(found)))
    for key, row in zip(found.tolist(), np.stack(added, axis=1).astype(np.float64), strict=True):
        known = sums.get(key)
        sums[key] = row if known is None else known + row


def _table(sums: dict[int, NDArray[np.float64]]) -> tuple[Ints, NDArray[np.float64]]:
    """The keys in order, and a row for each of the sums."""
    keys = np.array(sorted(sums), np.int64)
    return keys, np.stack([sums[key] for key in keys.tolist()], axis=1)


def _begins_inside(columns: NDArray[np.float64]) -> Flags:
    """Whether the longer until the second begins, the longer the first takes in all."""
    running, late, rest, rest2 = columns[1], columns[3], columns[4], columns[5]
    wait, wait2, wait_rest = columns[8:11]
    count = np.maximum(running, 1)
    waited = np.maximum(wait2 / count - (wait / count) ** 2, 1e-12)
    slope = 1 + (wait_rest / count - wait * rest / count**2) / waited
    spread = rest2 / count - (rest / count) ** 2
    error = np.sqrt(np.maximum(spread, 0) / waited / count)
    return np.asarray((late >= 0.95 * running) & (slope > np.maximum(0.5, 3 * error)))


def _is_first_run(recorded: Recording, order: Ints) -> Flags:
    """Of all spans, which are the first of their name under their caller; `order` has those below
    one by caller and start."""
    kind = recorded.parent[order] * (END + 1) + recorded.name[order]
    found = np.zeros(len(recorded), np.bool_)
    found[order[np.unique(kind, return_index=True)[1]]] = True
    return found


def together_ns(recorded: Recording, rows: Ints) -> Ints:
    """What begins so soon after these rows begins together with them."""
    length = recorded.spans.duration_ns[rows]
    return np.maximum((length * _TOGETHER_SHARE).astype(np.int64), _TOGETHER_NS)


def _starts_at_an_end(recorded: Recording, rows: Ints, over: Ints) -> Flags:
    """Of all spans, which start right as a sibling ends; of the rows, those below a caller."""
    parent, start = recorded.parent[rows], recorded.spans.start_ns[rows]
    times = np.concatenate((over[rows], start))
    is_end = np.arange(len(times)) < len(rows)
    holder = np.concatenate((parent, parent))
    order = np.lexsort((~is_end, times, holder))
    place = np.arange(len(order))
    last = np.maximum.accumulate(np.where(is_end[order], place, 0))
    ended = order[last]
    near = is_end[ended] & (holder[ended] == holder[order])
    near &= (
        times[order] - times[ended]
        <= _NEXT_NS + (recorded.spans.end_ns - over)[rows[ended % max(len(rows), 1)]]
    )
    found = np.zeros(len(recorded), np.bool_)
    begun = order[~is_end[order]]
    found[rows[begun - len(rows)]] = near[~is_end[order]]
    return found


def _among(keys: Ints, known: Ints) -> Flags:
    if len(known) == 0 or len(keys) == 0:
        return np.zeros(len(keys), np.bool_)
    place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.asarray(known[place] == keys)
