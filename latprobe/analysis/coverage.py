"""How much of the requests' time the recording explains, and what recording cost them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latprobe.analysis.scope import Scope
from latprobe.analysis.self_time import covered_ns
from latprobe.analysis.spans import Ints, Spans
from latprobe.analysis.tree import Tree
from latprobe.store.query import Query


@dataclass(frozen=True, slots=True)
class Observer:
    """The recording, about itself.

    `recorded` and `dropped` count spans of all runs with a span in the scope. `coverage` is the
    share (0..1) of the requests' wall time in which at least one stage other than the root ran;
    None if the requests took no time. `overhead_share_estimated` is spans x the runs' own
    measure of what recording one costs, over the requests' wall time; None if no run measured it.
    """

    recorded: int
    dropped: int
    coverage: float | None
    overhead_share_estimated: float | None


def explained_ns(spans: Spans, tree: Tree) -> Ints:
    """Per trace: how long at least one span other than the root ran, within the root."""
    offsets = spans.offsets()
    if len(offsets) == 0:
        return np.zeros(0, np.int64)
    others = np.flatnonzero(tree.parent >= 0)
    trace = np.searchsorted(offsets, others, side="right") - 1
    return covered_ns(spans, tree.root[trace], others)[tree.root]


def observe(query: Query, scope: Scope, *, coverage: float | None, wall_ns: int) -> Observer:
    """The observer's figures for the scope; `wall_ns` is the sum of its requests' durations."""
    where, parameters = scope.where()
    row = query(
        f"""
        WITH inside AS (SELECT s.run_id, count(*) AS spans FROM spans s WHERE {where} GROUP BY 1),
             whole AS (SELECT s.run_id, count(*) AS spans FROM spans s
                       WHERE s.run_id IN (SELECT run_id FROM inside) GROUP BY 1)
        SELECT sum(whole.spans)::BIGINT AS recorded,
               coalesce(sum(runs.dropped), 0)::BIGINT AS dropped,
               sum(inside.spans * runs.span_cost_ns)::DOUBLE AS cost_ns
        FROM inside JOIN whole USING (run_id) LEFT JOIN runs USING (run_id)
        """,
        parameters,
    ).to_pylist()[0]
    cost = row["cost_ns"]
    share = cost / wall_ns if cost is not None and wall_ns > 0 else None
    return Observer(row["recorded"] or 0, row["dropped"], coverage, share)
