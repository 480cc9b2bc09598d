"""What a stretch of time meant for the GPU: work with its share, and the gaps between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from latprobe.analysis.gpu.stages import GpuStage
from latprobe_dashboard import quantities
from latprobe_dashboard.gpu_moment import Held

# Shorter pauses are the time between two calls and no gap that a person could close.
SHORTEST_GAP_NS = 300_000


@dataclass(frozen=True, slots=True)
class Work:
    """Time that a stage had the GPU. `share` is its SM activity, 0..1; None if not known."""

    name: str
    modality: str | None
    start_ns: int
    end_ns: int
    share: float | None
    words: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Time in which no stage had work for the GPU, and what ran instead."""

    start_ns: int
    end_ns: int
    words: str


def is_without_work(stage: GpuStage) -> bool:
    """Whether the GPU has nothing to do in it; not where that is only not known.

    `cpu-bound` is said of both.
    """
    if stage.verdict == "cpu-bound" and not stage.uses_gpu:
        has_no_kernel = stage.kernels is not None and not stage.kernels.kernels
        return has_no_kernel or _share(stage) is not None
    return stage.verdict == "idle"


def work_and_gaps(
    held: Sequence[Held],
    stages: Mapping[str, GpuStage],
    modalities: Mapping[str, str | None],
    *,
    roots: frozenset[str],
    first_ns: int,
    last_ns: int,
) -> tuple[list[Work], list[Gap]]:
    """The innermost stages of a moment, judged by what the attribution says of them.

    A stage around others (`roots`) that the counters say nothing of is neither work nor its gap's
    reason.
    """
    work: list[Work] = []
    others: list[Held] = []
    for each in held:
        stage = stages.get(each.name)
        if (stage is not None and is_without_work(stage)) or (
            each.name in roots and _share(stage) is None
        ):
            others.append(each)
        else:
            share, words = _share(stage), _words(stage)
            work.append(
                Work(each.name, modalities.get(each.name), each.start_ns, each.end_ns, share, words)
            )
    return work, _gaps(work, others, first_ns, last_ns)


def _share(stage: GpuStage | None) -> float | None:
    if stage is None:
        return None
    for found in (stage.sm_active_pct, stage.utilization_pct):
        if found.value is not None:
            return found.value / 100
    return None


def _words(stage: GpuStage | None) -> str:
    if stage is None:
        return "not attributed"
    if stage.sm_active_pct.value is not None:
        return f"SM active {quantities.share(stage.sm_active_pct.value / 100)}, attributed"
    if stage.utilization_pct.value is not None:
        some = quantities.share(stage.utilization_pct.value / 100)
        return f"some kernel ran {some} of the time, attributed"
    return f"SM active: {stage.sm_active_pct.reason or 'not known'}"


def _gaps(work: Sequence[Work], others: Sequence[Held], first_ns: int, last_ns: int) -> list[Gap]:
    gaps: list[Gap] = []
    reached = first_ns
    ends = [(each.start_ns, each.end_ns) for each in work]
    for start, end in sorted([*ends, (last_ns, last_ns)]):
        if start - reached >= SHORTEST_GAP_NS:
            gaps.append(Gap(reached, start, _reason(others, reached, start)))
        reached = max(reached, end)
    return gaps


def _reason(others: Sequence[Held], start_ns: int, end_ns: int) -> str:
    """What held the GPU up for most of the gap."""
    ran: dict[str, int] = {}
    for each in others:
        if (overlap := min(each.end_ns, end_ns) - max(each.start_ns, start_ns)) > 0:
            ran[each.name] = ran.get(each.name, 0) + overlap
    without = (end_ns - start_ns) - sum(ran.values())
    name = max(ran, key=ran.__getitem__, default=None)
    if name is None or without > ran[name]:
        return "no request ran"
    return f"{name} ran on the CPU"
