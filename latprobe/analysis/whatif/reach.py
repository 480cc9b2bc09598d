"""Which stages a change cannot move: what they wait for need not be known to predict it.

A change alters its own stage, what comes after that in the same request, and whoever stands in line
with any of these. Requests that come by themselves carry it no further. With a fixed number of
callers it reaches everything, as the next request comes with the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from latprobe.analysis.whatif.callers import Callers
from latprobe.analysis.whatif.changes import Concurrency, Parallel, Replicas
from latprobe.analysis.whatif.factors import below
from latprobe.analysis.whatif.graph import Graph, levelled
from latprobe.analysis.whatif.precedence import Flags
from latprobe.analysis.whatif.stage_limit import StageLimit

if TYPE_CHECKING:
    from latprobe.analysis.whatif.work import Work


def untouched(
    work: Work, codes: Sequence[int], limits: Sequence[StageLimit], callers: Callers | None
) -> list[int]:
    """Those of the stages, by name code, no run of which the changes can move; none without a
    change."""
    recorded, edges = work.window, work.window_edges
    if not codes or callers is not None or recorded is None or edges is None or not work.changes:
        return []
    if any(isinstance(each, Concurrency | Parallel) for each in work.changes):
        return []
    count = len(recorded)
    graph = levelled(edges, count, recorded.tree.root)
    if graph.unused:
        return []
    moved = _begun(work)
    known = -1
    while known < (known := int(moved.sum())):
        _pass_on(graph, moved)
        for limit in limits:
            rows = np.concatenate((limit.rows, limit.releases))
            if (moved[rows] | moved[count + rows]).any():
                moved[limit.rows] = True
        for each in work.precedence.counted:
            before = np.flatnonzero(np.isin(recorded.name, each.before))
            if moved[count + before].any():
                moved[np.isin(recorded.name, each.then).nonzero()[0]] = True
    touched = np.unique(recorded.name[moved[:count] | moved[count:]])
    return [code for code in codes if code not in touched]


def _begun(work: Work) -> Flags:
    """The moments that the changes move themselves."""
    recorded, edges = work.window, work.window_edges
    assert recorded is not None
    assert edges is not None
    moved = np.zeros(2 * len(recorded), np.bool_)
    is_changed = np.zeros(len(recorded), np.bool_)
    for change in work.changes:
        code = work.names.codes.get(getattr(change, "stage", ""))
        if isinstance(change, Replicas):
            moved[np.flatnonzero(recorded.name == (-1 if code is None else code))] = True
        else:
            is_changed |= below(recorded, code, 0.0) == 0.0
    moved[edges.target[is_changed[edges.owner]]] = True
    return moved


def _pass_on(graph: Graph, moved: Flags) -> None:
    """Moments that come after a moved one may move as well."""
    target, source = graph.edges.target, graph.edges.source
    for first, last in graph.levels:
        moved[target[first:last][moved[source[first:last]]]] = True
