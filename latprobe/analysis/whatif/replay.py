"""The requests again, with other durations."""

from __future__ import annotations

import numpy as np

from latprobe.analysis.whatif.graph import Floats, Graph


def replay(graph: Graph, factor: Floats, start_ns: Floats | None = None) -> Floats:
    """When each node comes, in ns since its request's start, each span's own work times `factor`.

    `start_ns`: when the roots start, else all at 0.
    """
    edges = graph.edges
    moment = np.zeros(2 * graph.spans)
    if start_ns is not None:
        moment[graph.root] = start_ns
    work = edges.work_ns * factor[edges.owner]
    target = edges.target
    head = 0
    for first, last in graph.levels:
        reached = moment[edges.source[first:last]] + work[first:last]
        end = int(np.searchsorted(graph.heads, last))
        heads = graph.heads[head:end]
        if end - head == last - first:
            moment[target[first:last]] = reached
        else:
            moment[target[heads]] = np.maximum.reduceat(reached, heads - first)
        head = end
    return moment


def request_ns(graph: Graph, moment: Floats) -> Floats:
    """How long each request takes, from the moments of its nodes."""
    took = moment[graph.spans + graph.root] - moment[graph.root]
    return np.asarray(np.maximum(took, 0.0))


def latest_ns(graph: Graph, moment: Floats) -> Floats:
    """How late each node may come without making its request later; inf for those nobody awaits."""
    edges = graph.edges
    latest = np.full(2 * graph.spans, np.inf)
    ends = graph.spans + graph.root
    latest[ends] = moment[ends]
    for first, last in reversed(graph.levels):
        allowed = latest[edges.target[first:last]] - edges.work_ns[first:last]
        np.minimum.at(latest, edges.source[first:last], allowed)
    return latest
