"""What the recorded requests say that the same delay would do: to hold beside what was measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.critical_path import critical_ns
from latprobe.analysis.delay_effect import DelayEffect, mean_stage_ms
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.requests import even_sample, fetch_batches, fetch_requests
from latprobe.analysis.roots import roots_sql
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.analysis.spans import NO_ROW, Ints, Spans
from latprobe.analysis.tree import Tree, build_tree, over_ancestors
from latprobe.analysis.whatif import Prediction, Scale, predict
from latprobe.store.query import Query


def predict_delay(
    query: Query, found: DelayEffect, scope: Scope = EVERYTHING
) -> Prediction | Refusal:
    """The replay with the stage as much longer as its delayed runs were.

    By a factor: every run is longer by the same share, and by the delay on average. The delayed
    requests are replayed with the others. Refused where the scope holds requests of several names,
    which the replay does not part.
    """
    sql, parameters = roots_sql(scope)
    kinds = query(f"SELECT count(DISTINCT name) AS kinds FROM ({sql})", parameters)["kinds"]
    if kinds[0].as_py() > 1:
        return Refusal(
            "Requests of several names are recorded here, which the replay does not part; name a "
            "run or a time that has only one."
        )
    mean_ms = mean_stage_ms(query, scope, found.stage)
    if not mean_ms:
        return Refusal(f"{found.stage!r} takes no time of its own, so there is nothing to scale.")
    prediction = predict(query, [Scale(found.stage, 1 + found.delay_ms / mean_ms)], scope)
    if prediction.refused is not None:
        return Refusal(prediction.refused)
    return prediction


def share_on_path(
    query: Query, stage: str, request: str, scope: Scope = EVERYTHING
) -> float | None:
    """The share (0..1) of the requests of that name on whose critical path the stage lies.

    With at least half of its time: a moment at its start, before its sibling began, is not what the
    request waits for. What the criticality of a small delay should come to; None where no request
    has the stage.
    """
    requests = even_sample(fetch_requests(query, replace(scope, stage=stage)), None)
    on_path = asked = 0
    for _, table in fetch_batches(query, requests):
        spans = Spans.from_table(table)
        if stage not in spans.names or request not in spans.names:
            continue
        tree = build_tree(spans)
        wanted = spans.trace[tree.root][spans.name[tree.root] == spans.names.index(request)]
        is_stage = spans.name == spans.names.index(stage)
        having = np.intersect1d(wanted, spans.trace[is_stage])
        asked += len(having)
        waited_for = is_stage & (_critical_below(spans, tree, is_stage) >= spans.duration_ns / 2)
        on_path += len(np.intersect1d(having, spans.trace[waited_for]))
    return on_path / asked if asked else None


def _critical_below(spans: Spans, tree: Tree, is_stage: NDArray[np.bool_]) -> Ints:
    """At each of the stage's rows: the time on the critical path of it and all below it."""
    marks = np.where(is_stage, np.arange(len(spans)), NO_ROW)
    owner = over_ancestors(tree.parent, marks, np.maximum)
    below = np.zeros(len(spans), np.int64)
    rows = owner != NO_ROW
    np.add.at(below, owner[rows], critical_ns(spans, tree)[rows])
    return below
