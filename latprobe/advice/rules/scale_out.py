"""A stage with a queue in front of it that one more server would shorten."""

from __future__ import annotations

from collections.abc import Iterable

from latprobe.advice.context import Context
from latprobe.advice.saving import predicted, with_saving
from latprobe.advice.suggestion import Evidence, Suggestion
from latprobe.advice.waiting import Queue, queues
from latprobe.analysis.whatif import Replicas

NAME = "scale_out"


def find(context: Context) -> Iterable[Suggestion]:
    """One suggestion for each line that matters."""
    for queue in queues(context):
        yield _suggestion(context, queue)


def _suggestion(context: Context, queue: Queue) -> Suggestion:
    stage, now = queue.load.name, queue.servers.count
    step = max(1, now // max(len(queue.servers.replicas), 1)) if queue.servers.replicas else 1
    title = f"Run {stage} on {now + step} at once instead of {now}: requests stand in line for it"
    change = Replicas(stage, now + step)
    saving = predicted(context, change)
    evidence = _evidence(queue)
    made = Suggestion(
        rule=NAME,
        subject=stage,
        title=title,
        evidence=evidence,
        how="Add a worker, a replica or a permit of the semaphore there; scale by the length of "
        "the line, not by CPU.\nScaling up (a faster machine for this stage) shortens each run as "
        "well: `latprobe whatif --stage STAGE --scale 0.5` compares.",
        verify=f"`latprobe load`: {stage} has {now + step} servers and hardly any waiting.",
        effort="medium",
        link="https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/",
        stage=stage,
        preconditions=("Another server is as fast as those there, with resources of its own.",),
        changes=(change,),
        claims=frozenset({("stage_time", stage), ("wait", stage)}),
    )
    return with_saving(made, saving)


def _evidence(queue: Queue) -> tuple[Evidence, ...]:
    load, found = queue.load, []
    if load.capacity is not None:
        used = load.capacity.utilisation.value
        found.append(Evidence("Servers busy", round(100 * used), "%"))
    if load.waits is not None:
        found += [
            Evidence("Runs that waited", round(100 * load.waits.share), "%"),
            Evidence("Wait: mean", round(load.waits.mean_ms, 1), "ms"),
            Evidence("Wait: p95", round(load.waits.p95_ms, 1), "ms"),
        ]
    return (
        Evidence("Runs at once, at most", queue.servers.count),
        *found,
        Evidence("Waiting that this explains", round(100 * queue.servers.explained), "%"),
    )
