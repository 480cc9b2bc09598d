"""What recording itself costs, where it is too much."""

from __future__ import annotations

from collections.abc import Iterable

from latprobe.advice.context import MIN_REQUESTS, Context
from latprobe.advice.suggestion import Evidence, Suggestion
from latprobe.advice.time_off import time_off
from latprobe.analysis.coverage import observe

NAME = "own_cost"

# A measurement that changes what it measures by more than this misleads.
MOST_SHARE = 0.02


def find(context: Context) -> Iterable[Suggestion]:
    """At most one: the stage with most spans is what to record less of."""
    requests = context.requests
    wall_ns = int(requests.duration_ns.sum())
    observer = observe(context.query, context.scope, coverage=None, wall_ns=wall_ns)
    share = observer.overhead_share_estimated
    if share is None or share < MOST_SHARE or len(requests) < MIN_REQUESTS:
        return
    stage = max(context.stages.values(), key=lambda each: each.stats.count)
    name, spans = stage.stats.name, len(context.sampled.spans) / max(len(context.sample), 1)
    part = stage.per_request / max(spans, 1.0)
    yield Suggestion(
        rule=NAME,
        subject=name,
        title=f"Record {name} no longer call by call: recording takes {share:.1%} of the latency",
        evidence=(
            Evidence("Recording, of the requests' latency", round(100 * share, 2), "% (estimated)"),
            Evidence("Spans", round(spans, 1), "a request"),
            Evidence(f"Of these {name}", round(stage.per_request, 1)),
            Evidence(f"{name}: p50", round(stage.stats.p50_ms * 1000, 1), "us"),
        ),
        how=f"Take the stage around {name} away and put one around the loop that calls it, with "
        "the number of calls as an attribute.\nStages shorter than 0.1 ms tell little one by one.",
        verify="`latprobe report`: the line on the recording's own cost is below 1 %.",
        effort="low",
        saving=time_off(
            requests, requests.duration_ns * (share * part), basis="bound", seed=context.seed
        ),
        stage=name,
        claims=frozenset({("recording", "spans")}),
    )
