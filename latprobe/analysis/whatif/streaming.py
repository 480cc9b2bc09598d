"""Producers and consumers that run at once: the one can only end after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latprobe.analysis.spans import Ints
from latprobe.analysis.whatif.pieces import begun_within
from latprobe.analysis.whatif.precedence import Flags, Precedence, pair_keys
from latprobe.analysis.whatif.recording import Recording

if TYPE_CHECKING:
    from latprobe.analysis.whatif.graph import Edges

# The shortest tenth of what a slow reader has left when its stream ends stands for one piece.
_ONE_PIECE = 0.1

# Of the siblings that started before a span, the last so many may be what it reads from.
_LOOK_BACK = 16


_NOBODY = (
    np.zeros(0, np.int64),
    np.zeros(0, np.int64),
    np.zeros(0, np.bool_),
    np.zeros(0, np.bool_),
)


def read_streams(recorded: Recording, precedence: Precedence, edges: Edges) -> Edges:
    """The edges, where a consumer starts and ends with what its producer gives.

    Its start follows the producer's start (the first piece), its end the producer's end (the last
    piece), and while the producer runs its time is the producer's: it waits for pieces. A slow
    consumer lags behind: it is busy all the time. A stage that merely always outlasts another still
    ends no earlier than that.
    """
    edges = begun_within(recorded, precedence, edges)
    consumer, producer, is_stream, is_begun = _pairs(recorded, precedence)
    if len(consumer) == 0:
        return edges
    count = len(recorded)
    spans = recorded.spans
    tail = (spans.end_ns[consumer] - spans.end_ns[producer]).astype(np.float64)
    is_slow = is_begun & ~is_stream
    last = np.where(is_stream, tail, 0.0)
    if is_slow.any():  # it lags behind: what is left when the last piece comes is at least one
        last[is_slow] = np.minimum(tail[is_slow], np.quantile(tail[is_slow], _ONE_PIECE))
    bound = type(edges)(count + consumer, count + producer, last, consumer)
    follows = is_stream | is_slow
    reader, source = consumer[follows], producer[follows]
    if len(reader) == 0:
        return edges.plus(bound)
    wait = (spans.start_ns[reader] - spans.start_ns[source]).astype(np.float64)
    begins = type(edges)(reader, source, wait, source)
    feeds = np.full(count, -1, np.int64)
    feeds[reader] = source
    is_start = (edges.target < count) & (feeds[np.minimum(edges.target, count - 1)] >= 0)
    feeds[consumer[is_slow]] = -1  # its time is its own
    is_whole = edges.target - count == edges.source  # a consumer without parts: its end is bound
    is_whole &= feeds[np.where(is_whole, edges.source, 0)] >= 0
    owner = np.where(feeds[edges.owner] >= 0, feeds[edges.owner], edges.owner)
    inner = type(edges)(edges.target, edges.source, edges.work_ns, owner)
    return inner.take(np.flatnonzero(~is_start & ~is_whole)).plus(bound, begins)


def _pairs(recorded: Recording, precedence: Precedence) -> tuple[Ints, Ints, Flags, Flags]:
    """Who outlasts whom in these requests; whether it reads the other's stream as fast as that
    comes; and whether it begins with something that the other does."""
    spans, parent, name = recorded.spans, recorded.parent, recorded.name
    if len(precedence.outlasts) == 0:
        return _NOBODY
    rows = np.flatnonzero(parent >= 0)
    order = rows[np.lexsort((recorded.rank[rows], parent[rows]))]
    here = np.arange(len(order))
    consumers, producers, streams, begun = [], [], [], []
    taken = np.zeros(len(recorded), np.bool_)
    for back in range(1, _LOOK_BACK + 1):
        here = here[here >= back]
        here = here[parent[order[here]] == parent[order[here - back]]]
        if len(here) == 0:
            break
        then, first = order[here], order[here - back]
        keys = pair_keys(name[parent[then]], name[first], name[then])
        fits = precedence.does_outlast(keys) & (spans.end_ns[first] > spans.start_ns[then])
        fits &= spans.end_ns[then] >= spans.end_ns[first]
        # Runs of one stage that end in turn differ in length; none reads what another gives.
        fits &= name[first] != name[then]
        is_stream = fits & precedence.is_stream(keys) & ~taken[then]
        begins = fits & precedence.does_begin(keys) & ~taken[then]
        taken[then[is_stream | begins]] = True
        consumers.append(then[fits])
        producers.append(first[fits])
        streams.append(is_stream[fits])
        begun.append(begins[fits])
    if not consumers:
        return _NOBODY
    return (
        np.concatenate(consumers),
        np.concatenate(producers),
        np.concatenate(streams),
        np.concatenate(begun),
    )
