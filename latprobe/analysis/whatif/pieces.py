"""Stages that begin at events within another one: a check from the first token on, a step that
takes over before the last is done, each sentence of an answer spoken as it comes.

Only where such a run had to wait for its event is it seen when that was. One that began right as
the run before it ended came after its event; that lies between those of its neighbours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.spans import Ints
from latprobe.analysis.whatif.precedence import Flags, Precedence, over_ns, pair_keys
from latprobe.analysis.whatif.recording import Recording

if TYPE_CHECKING:
    from latprobe.analysis.whatif.graph import Edges, Floats

# Of the siblings that started before a span, the last so many may be what it begins within.
_LOOK_BACK = 48

# A run that begins so soon after the one before it waited for that.
_AT_ONCE_SHARE, _AT_ONCE_NS = 0.02, 200_000


def begun_within(recorded: Recording, precedence: Precedence, edges: Edges) -> Edges:
    """The edges, where what begins at events within another stage does so as far into that as
    recorded, and after the run before it where they go in turn."""
    begun, within = _begun(recorded, precedence)
    if len(begun) == 0:
        return edges
    spans, parent, name = recorded.spans, recorded.parent, recorded.name
    kind = within * (int(name.max()) + 1) + name[begun]
    order = np.lexsort((recorded.rank[begun], kind))
    begun, within, kind = begun[order], within[order], kind[order]
    before = np.append(-1, begun[:-1])
    before[np.diff(kind, prepend=-1) != 0] = -1
    keys = pair_keys(name[parent[begun]], name[begun], name[begun])
    before[precedence.run_together(keys)] = -1
    gap = spans.start_ns[begun] - spans.end_ns[before]
    near = np.maximum(_AT_ONCE_SHARE * spans.duration_ns[before], _AT_ONCE_NS)
    is_next = (before >= 0) & (gap <= near)
    offset = (spans.start_ns[begun] - spans.start_ns[within]).astype(np.float64)
    events = _events_ns(offset, is_next, kind)
    replaced = np.zeros(2 * len(recorded), np.bool_)
    replaced[begun] = True
    kept = edges.take(np.flatnonzero(~replaced[edges.target]))
    has = before >= 0
    rest = np.where(is_next[has], gap[has], 0).astype(np.float64)
    in_turn = type(edges)(begun[has], before[has] + len(recorded), rest, parent[begun[has]])
    return kept.plus(type(edges)(begun, within, events, within), in_turn)


def _events_ns(offset: Floats, is_hidden: Flags, kind: Ints) -> Floats:
    """When each run's event was, since what it lies in began: hidden ones evenly between those of
    the neighbours of their kind, the last at the latest when its run began."""
    place = np.arange(len(offset))
    is_last = np.append(np.diff(kind) != 0, True)
    known = ~is_hidden | is_last
    between = np.interp(place, place[known], offset[known])
    return np.asarray(np.where(known, offset, np.minimum(between, offset)))


def _begun(recorded: Recording, precedence: Precedence) -> tuple[Ints, Ints]:
    """Spans that began while a sibling ran that they begin within, and that: the latest one."""
    parent, name, spans = recorded.parent, recorded.name, recorded.spans
    nothing: NDArray[np.int64] = np.zeros(0, np.int64)
    if len(precedence.within) == 0:
        return nothing, nothing
    over = over_ns(recorded)
    rows = np.flatnonzero(parent >= 0)
    order = rows[np.lexsort((recorded.rank[rows], parent[rows]))]
    here = np.arange(len(order))
    begun, within = [nothing], [nothing]
    for back in range(1, _LOOK_BACK + 1):
        here = here[here >= back]
        here = here[parent[order[here]] == parent[order[here - back]]]
        then, first = order[here], order[here - back]
        fits = precedence.is_within(pair_keys(name[parent[then]], name[first], name[then]))
        fits &= over[first] > spans.start_ns[then]
        begun.append(then[fits])
        within.append(first[fits])
    found, source = np.concatenate(begun), np.concatenate(within)
    _, first_of = np.unique(found, return_index=True)
    return found[first_of], source[first_of]
