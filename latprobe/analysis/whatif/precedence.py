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
    """Pairs of stages by `pair_keys`, sorted. `together`: were seen to run at once.

    `streams`: the second reads what the first makes: it begins while the first runs, ends after
    it, and ends sooner when the first does. `outlasts`: it began and ended after the first began
    and ended, always, and they always overlapped. `begins`: such a one
    whose start is an event within the first: the longer until then, the longer the first takes in
    all (slope 1; 0 if it started by itself). `races`: they mostly end at the same moment although
    their times vary, as where the first answer stops the others. `counted`: see counted.py.
    """

    together: Ints
    streams: Ints
    outlasts: Ints
    begins: Ints
    races: Ints
    counted: tuple[Counted, ...] = ()

    def run_together(self, keys: Ints) -> Flags:
        return _among(keys, self.together)

    def is_stream(self, keys: Ints) -> Flags:
        return _among(keys, self.streams)

    def does_begin(self, keys: Ints) -> Flags:
        return _among(keys, self.begins)

    def does_outlast(self, keys: Ints) -> Flags:
        return _among(keys, self.outlasts)


def apart_from(precedence: Precedence, stages: tuple[int, ...]) -> Precedence:
    """Without the waits by count of these stages, which take turns with other requests'."""
    if not stages or not precedence.counted:
        return precedence
    kept = (each for each in precedence.counted if not set(each.then) & set(stages))
    return replace(precedence, counted=tuple(kept))


@dataclass(slots=True)
class Learner:
    """Adds up what recordings show; a row of `sums` per pair of stages."""

    sums: dict[int, NDArray[np.float64]] = field(default_factory=dict)

    def add(self, recorded: Recording) -> None:
        """Adds every pair of siblings, and every child with its parent's end."""
        self._add_ends(recorded)
        spans, parent, name = recorded.spans, recorded.parent, recorded.name
        rows = np.flatnonzero(parent >= 0)
        order = rows[np.lexsort((recorded.rank[rows], parent[rows]))]
        over = over_ns(recorded)
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
            )
            self._add(keys, is_running, columns)

    def finish(self) -> Precedence:
        """What was seen, as pairs."""
        if not self.sums:
            nothing = np.zeros(0, np.int64)
            return Precedence(nothing, nothing, nothing, nothing, nothing)
        keys = np.array(sorted(self.sums), np.int64)
        columns = np.stack([self.sums[key] for key in keys.tolist()], axis=1)
        pairs, running, after, late, rest, rest2, tail, tail2 = columns[:8]
        wait, wait2, wait_rest, ties, length, length2 = columns[8:]
        count = np.maximum(running, 1)
        outlasts = (running >= _FEWEST_PAIRS) & (running >= 0.98 * pairs)
        outlasts &= after >= 0.99 * running
        spread, kept = rest2 / count - (rest / count) ** 2, tail2 / count - (tail / count) ** 2
        streams = outlasts & (late >= 0.95 * running) & (kept < 0.25 * spread)
        waited = np.maximum(wait2 / count - (wait / count) ** 2, 1e-12)
        slope = 1 + (wait_rest / count - wait * rest / count**2) / waited
        error = np.sqrt(np.maximum(spread, 0) / waited / count)
        begins = outlasts & (late >= 0.95 * running) & (slope > np.maximum(0.5, 3 * error))
        varied = length2 / count - (length / count) ** 2 > _LEAST_SPREAD_MS**2
        races = (running >= _FEWEST_PAIRS) & varied & (late < 0.5 * running)
        races &= ties >= _RACE_SHARE * pairs
        outlasts, streams, begins = outlasts & ~races, streams & ~races, begins & ~races
        return Precedence(
            together=keys[running * _RARE > pairs],
            streams=keys[streams],
            outlasts=keys[outlasts],
            begins=keys[begins],
            races=keys[races],
        )

    def _add_ends(self, recorded: Recording) -> None:
        parent, name = recorded.parent, recorded.name
        child = np.flatnonzero(parent >= 0)
        keys = pair_keys(name[parent[child]], name[child], np.full(len(child), END))
        outlives = over_ns(recorded)[child] > recorded.spans.end_ns[parent[child]]
        nothing = np.zeros(len(child))
        self._add(keys, outlives, (outlives, *(nothing for _ in range(12))))

    def _add(self, keys: Ints, running: Flags, columns: tuple[NDArray[np.generic], ...]) -> None:
        found, place = np.unique(keys, return_inverse=True)
        sums: list[NDArray[np.generic]] = [np.bincount(place, minlength=len(found))]
        at = np.flatnonzero(running)
        own = place[at]
        for column in columns:
            sums.append(np.bincount(own, weights=column[at], minlength=len(found)))
        for key, row in zip(found.tolist(), np.stack(sums, axis=1).astype(np.float64), strict=True):
            known = self.sums.get(key)
            self.sums[key] = row if known is None else known + row


def _among(keys: Ints, known: Ints) -> Flags:
    if len(known) == 0 or len(keys) == 0:
        return np.zeros(len(keys), np.bool_)
    place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.asarray(known[place] == keys)
