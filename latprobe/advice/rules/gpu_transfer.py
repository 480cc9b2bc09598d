"""Stages whose time goes into copies between host and device."""

from __future__ import annotations

from collections.abc import Iterable

from latprobe.advice.context import Context
from latprobe.advice.gpu_limits import Limited, Remedy, limited, suggestion
from latprobe.advice.suggestion import Evidence, Suggestion

NAME = "gpu_transfer"

# Pinned memory over PCIe 4 x16 reaches about this; over PCIe 5 twice as much.
PINNED_BYTES_PER_S = 25e9


def find(context: Context) -> Iterable[Suggestion]:
    """One suggestion for each stage with the verdict "transfer-bound"."""
    for stage in limited(context, "transfer-bound"):
        yield suggestion(context, NAME, stage, _remedy(stage))


def _remedy(stage: Limited) -> Remedy:
    gpu = stage.gpu
    copied = (gpu.h2d_bytes or 0.0) + (gpu.d2h_bytes or 0.0)
    pinned_ms = copied / PINNED_BYTES_PER_S * 1000
    share = gpu.kernels.copy_share if gpu.kernels is not None else None
    if share is not None:
        factor = 1.0 - share + min(pinned_ms / max(gpu.own_ms, 1e-9), share)
    else:
        factor = pinned_ms / max(gpu.own_ms, 1e-9)
    facts = [
        Evidence("Host to device", round((gpu.h2d_bytes or 0) / 1e6, 2), "MB a request"),
        Evidence("Device to host", round((gpu.d2h_bytes or 0) / 1e6, 2), "MB a request"),
    ]
    if share is not None:
        facts.append(Evidence("Copies take", round(100 * share, 1), "% of the time"))
    return Remedy(
        title=f"Copy less and from pinned memory in {stage.name}",
        factor=factor,
        how="`pin_memory=True` in the DataLoader (or `.pin_memory()`) and `.to('cuda', "
        "non_blocking=True)`; send uint8 pictures and convert them on the GPU.\nKeep results on "
        "the GPU between stages, and copy once instead of item by item.",
        verify=f"`latprobe gpu`: {stage.name} copies fewer bytes and is no longer transfer-bound.",
        link="https://docs.pytorch.org/tutorials/intermediate/pinmem_nonblock.html",
        effort="low",
        preconditions=(
            f"The saving is that of copies at {PINNED_BYTES_PER_S / 1e9:.0f} GB/s, without overlap "
            "with work.",
        ),
        evidence=tuple(facts),
    )
