"""Stages that a GPU verdict is about, and what is gained if that limit goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from latprobe.advice.context import Context, StageFacts
from latprobe.advice.saving import with_saving
from latprobe.advice.suggestion import Effort, Evidence, Suggestion
from latprobe.advice.time_off import at_most
from latprobe.analysis.gpu.stages import GpuStage
from latprobe.analysis.whatif import Scale

# A stage with less of the latency than this gains nothing that a re-run could show.
LEAST_SHARE = 0.03
# No change to launching or copying makes a stage more than ten times as fast.
LEAST_FACTOR = 0.1


@dataclass(frozen=True, slots=True)
class Limited:
    """A stage on its device, with what the requests wait for it."""

    gpu: GpuStage
    facts: StageFacts

    @property
    def name(self) -> str:
        return self.gpu.name


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do about a limit; `factor`: at best the stage's own time becomes so much of it."""

    title: str
    factor: float
    how: str
    verify: str
    link: str
    effort: Effort
    preconditions: tuple[str, ...]
    evidence: tuple[Evidence, ...]


def limited(context: Context, verdict: str) -> Iterator[Limited]:
    """Stages with that verdict which requests wait for."""
    for name, gpu in sorted(context.gpu.by_name().items()):
        facts = context.stages.get(name)
        if gpu.verdict == verdict and facts and facts.critical_share >= LEAST_SHARE:
            yield Limited(gpu, facts)


def suggestion(context: Context, rule: str, stage: Limited, remedy: Remedy) -> Suggestion:
    """The remedy with its bound by replay, or "not enough data" where that was refused."""
    own = _own_share(context, stage)
    factor = 1.0 - own * (1.0 - max(min(remedy.factor, 1.0), LEAST_FACTOR))
    change = Scale(stage.name, factor)
    saving = at_most(context, change)
    evidence = (*seen(stage), *remedy.evidence)
    made = Suggestion(
        rule=rule,
        subject=stage.name,
        title=remedy.title,
        evidence=evidence,
        how=remedy.how,
        verify=remedy.verify,
        effort=remedy.effort,
        link=remedy.link,
        stage=stage.name,
        preconditions=remedy.preconditions,
        changes=(change,),
        claims=frozenset({("stage_time", stage.name)}),
    )
    return with_saving(made, saving)


def busy_share(gpu: GpuStage) -> float | None:
    """The share of its time in which a kernel ran, by the surest source; None: not known."""
    if gpu.kernels is not None and gpu.kernels.busy_share is not None:
        return gpu.kernels.busy_share
    for read in (gpu.utilization_pct, gpu.sm_active_pct):
        if read.value is not None:
            return read.value / 100
    return None


def seen(stage: Limited) -> tuple[Evidence, ...]:
    """What the verdict rests on."""
    gpu = stage.gpu
    found = [
        ("What limits it", gpu.sentence, ""),
        ("SM active", gpu.sm_active_pct.value, "%"),
        ("Tensor cores active", gpu.tensor_active_pct.value, "%"),
        ("Memory bandwidth busy", gpu.dram_active_pct.value, "%"),
        ("CPU thread busy", None if gpu.cpu_share is None else 100 * gpu.cpu_share, "%"),
        ("Share of the latency", 100 * stage.facts.critical_share, "%"),
    ]
    return tuple(
        Evidence(what, round(value, 1) if isinstance(value, float) else value, unit)
        for what, value, unit in found
        if value is not None
    )


def _own_share(context: Context, stage: Limited) -> float:
    """The part of the stage's time that is not its children's: the verdict is about that."""
    path = stage.facts.path
    total_ns = stage.facts.stats.total_ms * 1e6
    total_ns *= len(context.sample) / max(len(context.requests), 1)
    return min(path.self_ns / total_ns, 1.0) if total_ns > 0 else 0.0
