"""What is known of one stage on one device, gathered for a verdict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latprobe.analysis.gpu.activity import Activity
from latprobe.analysis.gpu.attribution import Attributed
from latprobe.analysis.gpu.counters import CLOCK, THROTTLE, Windows
from latprobe.analysis.gpu.kernels import KernelStage
from latprobe.analysis.gpu.occupancy import Floats, Segments, occupancy
from latprobe.analysis.gpu.verdict import CAPPED, FORCED, Evidence

SM, TENSOR, DRAM = "gpu.sm_active_pct", "gpu.tensor_active_pct", "gpu.dram_active_pct"
UTILIZATION, POWER = "gpu.utilization_pct", "gpu.power_mw"
# An interval whose lower end is over this shows that the stage uses the GPU at all.
USES_PCT = 3.0
# The clock of a card that nothing slows: nearly the fastest reading.
FAST_QUANTILE = 0.95
Bools = NDArray[np.bool_]


def gather(
    activity: Activity,
    number: int,
    clocks: Clocks,
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
        capped_share=_known(clocks.capped_share[number]),
        forced_share=_known(clocks.forced_share[number]),
        clock_share=_known(clocks.clock_share[number]),
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


@dataclass(frozen=True, slots=True)
class Clocks:
    """By stage, NaN where not known: the shares of its time in readings that name the power cap,
    and other reasons that slow the clock; and its mean SM clock as a share of the fast ones."""

    capped_share: Floats
    forced_share: Floats
    clock_share: Floats


def clocks(segments: Segments, stages: int, counters: dict[str, Windows]) -> Clocks:
    """Of all stages on one device."""
    nothing = np.full(stages, np.nan)
    capped, forced, share = nothing, nothing, nothing
    reasons, clock = counters.get(THROTTLE), counters.get(CLOCK)
    if reasons is not None and len(reasons):
        named = reasons.value.astype(np.int64)
        capped = _mean_of(segments, stages, reasons, (named & CAPPED) != 0)
        forced = _mean_of(segments, stages, reasons, (named & FORCED) != 0)
    if clock is not None and len(clock):
        usual = max(float(np.quantile(clock.value, FAST_QUANTILE)), 1.0)
        share = _mean_of(segments, stages, clock, clock.value / usual)
    return Clocks(capped, forced, share)


def _mean_of(segments: Segments, stages: int, windows: Windows, value: Floats | Bools) -> Floats:
    active = occupancy(segments, stages, windows.start_ns, windows.end_ns)
    weight = active * (windows.end_ns - windows.start_ns)[:, None]
    total = weight.sum(axis=0)
    known = np.where(total > 0, total, np.nan)
    return np.asarray((weight * value[:, None]).sum(axis=0) / known, np.float64)


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
