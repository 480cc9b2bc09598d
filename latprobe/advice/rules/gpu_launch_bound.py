"""Stages that launch kernels so small that launching takes longer than running."""

from __future__ import annotations

from collections.abc import Iterable

from latprobe.advice.context import Context
from latprobe.advice.gpu_limits import Limited, Remedy, busy_share, limited, suggestion
from latprobe.advice.suggestion import Evidence, Suggestion

NAME = "gpu_launch_bound"


def find(context: Context) -> Iterable[Suggestion]:
    """One suggestion for each stage with the verdict "launch-bound"."""
    for stage in limited(context, "launch-bound"):
        yield suggestion(context, NAME, stage, _remedy(stage))


def _remedy(stage: Limited) -> Remedy:
    kernels, busy = stage.gpu.kernels, busy_share(stage.gpu)
    facts = []
    if kernels is not None:
        facts = [
            Evidence("Kernels", round(kernels.kernels / max(kernels.samples, 1)), "a run"),
            Evidence("A kernel: mean", round((kernels.mean_kernel_ns or 0) / 1000, 2), "us"),
            Evidence("Kernels run", round(100 * (kernels.busy_share or 0), 1), "% of the time"),
        ]
    return Remedy(
        title=f"Launch fewer kernels in {stage.name}: compile it or record it as a CUDA graph",
        factor=1.0 if busy is None else busy,
        how="`torch.compile(model, mode='reduce-overhead')` fuses kernels and replays them as CUDA "
        "graphs; it wants shapes that stay the same (pad to a few sizes).\nOr batch inputs, so "
        "that each kernel has more to do.",
        verify=f"`latprobe gpu`: fewer and longer kernels in {stage.name}.",
        link="https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs",
        effort="medium",
        preconditions=(
            "Profiling slows the host, so kernels run for a larger share than was seen. The "
            "saving is that of no time between kernels.",
        ),
        evidence=tuple(facts),
    )
