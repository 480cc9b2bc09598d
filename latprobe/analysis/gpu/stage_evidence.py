"""What is known of one stage on one device, gathered for a verdict."""

from __future__ import annotations

import numpy as np

from latprobe.analysis.gpu.activity import Activity
from latprobe.analysis.gpu.attribution import Attributed
from latprobe.analysis.gpu.counters import THROTTLE, Windows
from latprobe.analysis.gpu.kernels import KernelStage
from latprobe.analysis.gpu.occupancy import occupancy
from latprobe.analysis.gpu.verdict import THROTTLING, Evidence

SM, TENSOR, DRAM = "gpu.sm_active_pct", "gpu.tensor_active_pct", "gpu.dram_active_pct"
UTILIZATION, POWER = "gpu.utilization_pct", "gpu.power_mw"
# An interval whose lower end is over this shows that the stage uses the GPU at all.
USES_PCT = 3.0


def gather(
    activity: Activity,
    number: int,
    counters: dict[str, Windows],
    values: dict[str, Attributed],
    kernels: KernelStage | None,
) -> Evidence:
    """The evidence of stage `number`; `values` are its attributed counters."""
    rows = activity.stage == number
    own_ns = float(activity.own_ns[rows].sum())
    sync = activity.notes["sync_wait_ns"][rows]

    def known(metric: str) -> float | None:
        return values[metric].value if metric in values else None

    return Evidence(
        cpu_share=cpu_share(activity, number),
        sm_active_pct=known(SM),
        tensor_active_pct=known(TENSOR),
        dram_active_pct=known(DRAM),
        utilization_pct=known(UTILIZATION),
        kernel_share=None if kernels is None else kernels.busy_share,
        kernel_ns=None if kernels is None else kernels.mean_kernel_ns,
        copy_share=None if kernels is None else kernels.copy_share,
        copied_bytes_per_s=_copied_per_s(activity, rows, own_ns),
        sync_share=float(np.nansum(sync)) / own_ns
        if own_ns > 0 and np.isfinite(sync).any()
        else None,
        throttled_share=_throttled(activity, number, counters),
        uses_gpu=_uses_gpu(activity, number, values, kernels),
    )


def cpu_share(activity: Activity, number: int) -> float | None:
    """The thread's CPU time as a share of own time, warm runs, weighted by own time; None if not
    measured."""
    rows = np.flatnonzero((activity.stage == number) & ~activity.is_cold)
    share, own = activity.cpu_share[rows], activity.own_ns[rows].astype(np.float64)
    known = np.isfinite(share)
    total = float(own[known].sum())
    return float((share[known] * own[known]).sum() / total) if total > 0 else None


def _copied_per_s(
    activity: Activity, rows: np.ndarray[tuple[int], np.dtype[np.bool_]], own_ns: float
) -> float | None:
    columns = [activity.notes[note][rows] for note in ("h2d_bytes", "d2h_bytes")]
    if own_ns <= 0 or not any(np.isfinite(column).any() for column in columns):
        return None
    return sum(float(np.nansum(column)) for column in columns) / (own_ns / 1e9)


def _uses_gpu(
    activity: Activity, number: int, values: dict[str, Attributed], kernels: KernelStage | None
) -> bool | None:
    """False only where profiles saw no kernel and no copy; None where nothing is certain."""
    if kernels is not None:
        return kernels.kernels > 0 or bool(kernels.copy_share)
    rows = activity.stage == number
    for note in ("h2d_bytes", "d2h_bytes"):
        if np.nansum(activity.notes[note][rows]) > 0:
            return True
    lows = [found.low for metric in (SM, UTILIZATION) if (found := values.get(metric))]
    return True if any(low is not None and low > USES_PCT for low in lows) else None


def _throttled(activity: Activity, number: int, counters: dict[str, Windows]) -> float | None:
    """The share of the stage's time in readings that name a reason of THROTTLING."""
    windows = counters.get(THROTTLE)
    if windows is None or not len(windows):
        return None
    active = occupancy(activity.segments, len(activity.names), windows.start_ns, windows.end_ns)
    weight = active[:, number] * (windows.end_ns - windows.start_ns)
    if weight.sum() <= 0:
        return None
    slowed = (windows.value.astype(np.int64) & THROTTLING) != 0
    return float(weight[slowed].sum() / weight.sum())
