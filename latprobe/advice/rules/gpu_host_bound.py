"""Stages in which the GPU waits for Python."""

from __future__ import annotations

from collections.abc import Iterable

from latprobe.advice.context import Context
from latprobe.advice.gpu_limits import Limited, Remedy, busy_share, limited, suggestion
from latprobe.advice.suggestion import Suggestion

NAME = "gpu_host_bound"


def find(context: Context) -> Iterable[Suggestion]:
    """One suggestion for each stage with the verdict "host-bound"."""
    for stage in limited(context, "host-bound"):
        yield suggestion(context, NAME, stage, _remedy(stage))


def _remedy(stage: Limited) -> Remedy:
    busy = busy_share(stage.gpu)
    return Remedy(
        title=f"Let the GPU work while Python runs {stage.name}: it waits for the host",
        factor=1.0 if busy is None else busy,
        how="Compile it (`torch.compile(model, mode='reduce-overhead')`), batch several inputs, "
        "and take `.item()`, `.cpu()` and prints out of the loop: each waits for the GPU.\nFor "
        "generation use an engine that schedules on its own (vLLM) or a static KV cache.",
        verify=f"`latprobe gpu`: {stage.name} is no longer host-bound, SM active rises.",
        link="https://docs.pytorch.org/docs/stable/generated/torch.compile.html",
        effort="medium",
        preconditions=("The saving is that of a stage that lasts as long as its GPU work.",),
        evidence=(),
    )
