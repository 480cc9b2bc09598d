"""What other requests' work does to a span, with the span's place in its own request held fixed.

The parts of one fan-out differ in length and start one after another: the fourth runs beside three
and takes longer because it is the fourth. Only spans at the same place in their requests, with more
or less of the others' work beside them, show what a crowd costs.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from latprobe.analysis.queueing.concurrency import others_running
from latprobe.analysis.spans import Ints
from latprobe.analysis.whatif.recording import Recording


def requests_overlap(recorded: Recording) -> bool:
    """Whether any two requests ran at once; else none can have waited for another."""
    root = recorded.tree.root
    order = np.argsort(recorded.spans.start_ns[root], kind="stable")
    start, end = recorded.spans.start_ns[root][order], recorded.spans.end_ns[root][order]
    return bool((start[1:] < np.maximum.accumulate(end)[:-1]).any())


def request_of(recorded: Recording, rows: Ints) -> Ints:
    """The number of each row's request."""
    return np.asarray(np.searchsorted(recorded.spans.offsets(), rows, side="right") - 1)


def places(recorded: Recording, rows: Ints) -> Ints:
    """Which of its stage's runs in its request each row is, in the order of their starts, from 0.

    The rows are of one stage.
    """
    request = request_of(recorded, rows)
    order = np.lexsort((recorded.rank[rows], request))
    at = np.arange(len(rows))
    is_new = np.append(True, np.diff(request[order]) != 0)[: len(rows)]
    place = np.empty(len(rows), np.int64)
    place[order] = at - np.maximum.accumulate(np.where(is_new, at, 0))
    return place


def crowd_of_others(start_ns: Ints, end_ns: Ints, request: Ints) -> Ints:
    """How many earlier spans of other requests were still running when each one started."""
    moments, at = np.unique(np.concatenate((start_ns, end_ns)), return_inverse=True)
    apart = request * (len(moments) + 2)
    own = others_running(apart + at[: len(start_ns)], apart + at[len(start_ns) :])
    return np.asarray(np.maximum(others_running(start_ns, end_ns) - own, 0))


def correlation(left: Ints, right: Ints, place: Ints) -> float:
    """The rank correlation among rows of the same place; 0 where one does not vary there."""
    first, second = np.zeros(len(left)), np.zeros(len(left))
    for rows in _each(place):
        first[rows] = _centred_ranks(left[rows])
        second[rows] = _centred_ranks(right[rows])
    spread = float(first.std() * second.std())
    return 0.0 if spread == 0 else float((first * second).mean()) / spread


def excess_ns(length: Ints, crowd: Ints, place: Ints) -> float:
    """How much longer all took together than if all had been as those of the same place with the
    fewest around."""
    more = 0.0
    for rows in _each(place):
        calm = crowd[rows] <= np.quantile(crowd[rows], 0.1)
        more += float((length[rows] - length[rows][calm].mean()).sum())
    return max(more, 0.0)


def _each(place: Ints) -> Iterator[Ints]:
    order = np.argsort(place, kind="stable")
    _, first = np.unique(place[order], return_index=True)
    yield from np.split(order, first[1:])


def _centred_ranks(values: Ints) -> np.ndarray:
    """Ranks as shares of the rows, around 0, equal values sharing theirs."""
    _, where, count = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - (count - 1) / 2
    ranks = np.asarray(middle[where], np.float64) / len(values)
    return np.asarray(ranks - ranks.mean())
