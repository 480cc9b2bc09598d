"""Generators and what is done with each of their pieces, which takes turns with them.

A stream's span is open from its first piece to its last, also while its reader works on a piece and
the stream stands still. So the reader's spans in between are siblings by their names and parts of
the stream by their time: half the stream's own work does not halve them.
"""

from __future__ import annotations

import numpy as np

from latprobe.analysis.spans import Ints, Spans

# Spans that start within one stream beyond so many are not looked at.
_MOST_SPANS = 4096

# A reader has worked on at least this share of the pieces, and on two.
_LEAST_SHARE = 0.5


def with_pulled_spans(spans: Spans, parent: Ints, rank: Ints, lane: Ints, chunks: Ints) -> Ints:
    """The tree with spans that work on a generator's pieces put under the generator's span.

    Such are siblings on the same thread within the stream's time, about as many of one name as
    there were pieces (`chunks`).
    """
    if not (chunks > 1).any():
        return parent
    child = np.flatnonzero(parent >= 0)
    order = child[np.lexsort((rank[child], parent[child]))]
    here = np.flatnonzero(chunks[order] > 1)
    streams, readers = [], []
    for ahead in range(1, _MOST_SPANS):
        here = here[here + ahead < len(order)]
        stream, other = order[here], order[np.minimum(here + ahead, len(order) - 1)]
        goes_on = (parent[stream] == parent[other]) & (spans.start_ns[other] < spans.end_ns[stream])
        here, stream, other = here[goes_on], stream[goes_on], other[goes_on]
        if len(here) == 0:
            break
        is_inside = (spans.end_ns[other] <= spans.end_ns[stream]) & (lane[other] == lane[stream])
        streams.append(stream[is_inside])
        readers.append(other[is_inside])
    if not streams:
        return parent
    return _moved(spans, parent, chunks, np.concatenate(streams), np.concatenate(readers))


def _moved(spans: Spans, parent: Ints, chunks: Ints, stream: Ints, reader: Ints) -> Ints:
    if len(stream) == 0:
        return parent
    kind = stream * (len(spans.names) + 1) + spans.name[reader]
    _, place, count = np.unique(kind, return_inverse=True, return_counts=True)
    often = count[place]
    takes_turns = (often >= 2) & (often >= _LEAST_SHARE * chunks[stream]) & (chunks[reader] < 2)
    result = parent.copy()
    result[reader[takes_turns]] = stream[takes_turns]
    return result
