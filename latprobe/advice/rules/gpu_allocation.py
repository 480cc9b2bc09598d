"""A card that idles while requests stand in line for another one."""

from __future__ import annotations

from collections.abc import Iterable

from latprobe.advice.context import Context
from latprobe.advice.saving import predicted, with_saving
from latprobe.advice.suggestion import Evidence, Suggestion
from latprobe.advice.waiting import Queue, queues
from latprobe.analysis.whatif import Replicas

NAME = "gpu_allocation"

# A card with a line is busy at least so often; one that is free is hardly ever.
BUSY_PCT = 50.0
FREE_PCT = 20.0
FEWEST_READINGS = 20

_DEVICES = """
SELECT device, avg(value) AS pct, count(*) AS readings FROM samples
WHERE metric = 'gpu.utilization_pct' AND device IS NOT NULL AND pid IS NULL
GROUP BY device HAVING count(*) >= ?
"""
_OF_STAGE = """
SELECT g.device, count(*) AS runs FROM gpu_spans g
JOIN spans s ON s.trace_id = g.trace_id AND s.span_id = g.span_id
WHERE s.name = ? AND g.device IS NOT NULL GROUP BY g.device ORDER BY runs DESC
"""


def find(context: Context) -> Iterable[Suggestion]:
    """Each stage with a line on a busy card, while another card is free."""
    rows = context.query(_DEVICES, [FEWEST_READINGS]).to_pylist()
    used = {row["device"]: float(row["pct"]) for row in rows}
    if len(used) < 2 or min(used.values()) > FREE_PCT:
        return
    free = min(used, key=lambda device: used[device])
    for queue in queues(context):
        own = [row["device"] for row in context.query(_OF_STAGE, [queue.load.name]).to_pylist()]
        busy = [device for device in own if used.get(device, 0.0) >= BUSY_PCT]
        if busy and free not in own:
            yield _suggestion(context, queue, busy[0], free, used)


def _suggestion(
    context: Context, queue: Queue, busy: str, free: str, used: dict[str, float]
) -> Suggestion:
    stage, now = queue.load.name, queue.servers.count
    title = f"Run {stage} on {free} as well: it idles while requests wait for {busy}"
    change = Replicas(stage, now + 1)
    saving = predicted(context, change)
    evidence = (
        Evidence(f"{busy} busy", round(used[busy], 1), "%"),
        Evidence(f"{free} busy", round(used[free], 1), "%"),
        Evidence("Wait a request", round(queue.wait_ms, 1), "ms"),
    )
    made = Suggestion(
        rule=NAME,
        subject=stage,
        title=title,
        evidence=evidence,
        how="Give cards to stages by how long requests wait for each: start a second replica of "
        "this one there (CUDA_VISIBLE_DEVICES), or move a lighter stage away.\nTwo small models "
        "that are never busy together can share one card.",
        verify=f"`latprobe gpu` and `latprobe load`: both cards are used, no line before {stage}.",
        effort="medium",
        link="https://docs.nvidia.com/deploy/mps/index.html",
        stage=stage,
        preconditions=("The model fits on the other card, which is as fast.",),
        changes=(change,),
        claims=frozenset({("stage_time", stage), ("wait", stage)}),
    )
    return with_saving(made, saving)
