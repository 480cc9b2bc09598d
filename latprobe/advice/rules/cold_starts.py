"""First calls of a process that are far slower than those after them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from latprobe.advice.context import MIN_REQUESTS, Context
from latprobe.advice.loops import critical_below
from latprobe.advice.suggestion import Evidence, Suggestion, not_enough
from latprobe.advice.time_off import time_off
from latprobe.analysis.refusal import Refusal

NAME = "cold_starts"

# A first call is cold if it takes twice the usual time and 20 ms more: below that caches and
# branch predictors explain it.
LEAST_FACTOR = 2.0
LEAST_MORE_MS = 20.0
# First calls of so many processes are needed to call it a habit; from so many on it is a suspicion.
FEWEST = 5
SUSPECT = 3
# Most of the first calls have to be cold.
MOST = 0.6

_FIRST = """
WITH numbered AS (
    SELECT s.trace_id, s.span_id, s.name, s.run_id, s.pid, s.duration_ns,
           row_number() OVER (PARTITION BY s.run_id, s.pid, s.name ORDER BY s.start_ns) AS place
    FROM spans s WHERE s.parent_span_id IS NOT NULL AND s.status <> 'error' AND {where}
), usual AS (
    SELECT name, median(duration_ns) AS usual_ns FROM numbered WHERE place > 1
    GROUP BY name HAVING count(*) >= 20
)
SELECT n.trace_id::VARCHAR AS trace_id, n.name, n.duration_ns, u.usual_ns
FROM numbered n JOIN usual u USING (name) WHERE n.place = 1
"""


def find(context: Context) -> Iterable[Suggestion]:
    """One suggestion for each stage whose first calls are cold in most processes."""
    where, parameters = context.scope.where()
    rows = context.query(_FIRST.format(where=where), parameters).to_pylist()
    firsts: dict[str, list[dict[str, object]]] = defaultdict(list)
    for row in rows:
        firsts[row["name"]].append(row)
    for stage, found in sorted(firsts.items()):
        cold = [row for row in found if _is_cold(row)]
        if stage not in context.stages or len(cold) < max(SUSPECT, MOST * len(found)):
            continue
        if len(cold) < FEWEST:
            yield _unclear(stage, len(cold))
        elif len(context.requests) >= MIN_REQUESTS:
            yield _suggestion(context, stage, cold)


def _is_cold(row: dict[str, object]) -> bool:
    took, usual = float(str(row["duration_ns"])), float(str(row["usual_ns"]))
    return took >= LEAST_FACTOR * usual and took - usual >= LEAST_MORE_MS * 1e6


def _unclear(stage: str, cold: int) -> Suggestion:
    return not_enough(
        rule=NAME,
        subject=stage,
        title=f"Warm {stage} up before the first request",
        refusal=Refusal(
            f"{cold} processes had a slow first call; record the start of {FEWEST} to see what "
            "it costs."
        ),
        stage=stage,
    )


def _suggestion(context: Context, stage: str, cold: list[dict[str, object]]) -> Suggestion:
    took = np.array([float(str(row["duration_ns"])) for row in cold])
    usual = float(str(cold[0]["usual_ns"]))
    more = {str(row["trace_id"]): t - usual for row, t in zip(cold, took.tolist(), strict=True)}
    requests = context.requests
    saved = np.array([more.get(trace, 0.0) for trace in requests.trace_id])
    # A stage off the critical path can take its time.
    saved *= min(_critical_part(context, stage), 1.0)
    share = len(cold) / len(requests)
    return Suggestion(
        rule=NAME,
        subject=stage,
        title=f"Warm {stage} up before the first request: it takes {np.median(took) / 1e6:.0f} ms "
        f"instead of {usual / 1e6:.0f} ms then",
        evidence=(
            Evidence("Slow first calls of a process", len(cold)),
            Evidence("Share of requests", round(100 * share, 1), "%"),
            Evidence("First call: median", round(float(np.median(took)) / 1e6, 1), "ms"),
            Evidence("Later calls: median", round(usual / 1e6, 1), "ms"),
        ),
        how="Load the model, open the connections and make one call with made-up input before the "
        "process says that it is ready.\nKeep a process warm (a smallest number of instances) and "
        "let it serve more requests before it is replaced.",
        verify="`latprobe slow` no longer names the first request of a process; p95 falls.",
        effort="low",
        saving=time_off(requests, saved, basis="bound", seed=context.seed),
        link="https://docs.cloud.google.com/run/docs/tips/general",
        stage=stage,
        preconditions=("The process can be warmed up before it gets requests.",),
        claims=frozenset({("stage_time", stage), ("cold", stage)}),
    )


def _critical_part(context: Context, stage: str) -> float:
    """The share of the stage's time that requests wait for."""
    sampled = context.sampled
    if stage not in sampled.spans.names:
        return 0.0
    rows = sampled.spans.name == sampled.spans.names.index(stage)
    total = float(sampled.spans.duration_ns[rows].sum())
    return float(critical_below(context)[rows].sum()) / max(total, 1.0)
