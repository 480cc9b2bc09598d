"""What each stage does to the GPU: activity, energy, memory, waits, and what limits it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from latprobe.analysis.gpu.activity import Activity, fetch_activity
from latprobe.analysis.gpu.attribution import Attributed, Attribution, attribute_all
from latprobe.analysis.gpu.counters import FITTED, Windows, device_windows, is_any_read
from latprobe.analysis.gpu.kernels import KernelStage, kernel_stages
from latprobe.analysis.gpu.occupancy import Segments, idle_share
from latprobe.analysis.gpu.stage_evidence import (
    DRAM,
    POWER,
    SM,
    TENSOR,
    UTILIZATION,
    Clocks,
    clocks,
    gather,
)
from latprobe.analysis.gpu.verdict import judge
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.store.query import Query

NOTHING = Attributed(None, None, None, 0, "not recorded")
NOT_READ = "No GPU was read while these requests ran; `latprobe doctor` says why."
# Readings come from a little before and after the requests.
MARGIN_NS = 1_000_000_000
# Less overlap than this moves no figure by a point.
OVERLAP_SAID = 0.1
# Of this share of the time it must be known whether a kernel ran.
STARVED_KNOWN = 0.9


@dataclass(frozen=True, slots=True)
class GpuStage:
    """One stage on one device. Percents and power are means while the stage is the active one.

    Each `Attributed` has its 95 % interval, or None and the reason. Times, bytes and energy are per
    request. `own_ms` is host time that no child covers, `active_ms` the time it had the GPU (on the
    host where no event pair says it), `gpu_ms` the event pairs' time, gaps and children included.
    `energy_mj` is power times `active_ms`, the card's idle draw included.
    `memory_peak_bytes` is the allocator's. `kernels` is from sampled profiles.
    """

    name: str
    device: str
    requests: int
    runs: int
    cold_runs: int
    own_ms: float
    active_ms: float
    cpu_share: float | None
    sm_active_pct: Attributed
    tensor_active_pct: Attributed
    dram_active_pct: Attributed
    utilization_pct: Attributed
    power_mw: Attributed
    energy_mj: float | None
    gpu_ms: float | None
    gpu_lag_ms: float | None
    sync_wait_ms: float | None
    h2d_bytes: float | None
    d2h_bytes: float | None
    memory_peak_bytes: int | None
    kernels: KernelStage | None
    verdict: str | None
    sentence: str | None


@dataclass(frozen=True, slots=True)
class GpuReport:
    """All devices. `idle_power_mw` is what a device draws between requests, `idle_share` the share
    of the time between the first and last request in which none ran, `starved_share` the share of
    the requests' time in which no kernel ran (None: not known of most of it)."""

    stages: tuple[GpuStage, ...]
    devices: tuple[str, ...]
    requests: int
    idle_power_mw: dict[str, float | None] = field(default_factory=dict)
    idle_share: float | None = None
    starved_share: float | None = None
    notes: tuple[str, ...] = ()

    def by_name(self) -> dict[str, GpuStage]:
        """One row a stage: of several devices the one on which most is known of it."""
        found: dict[str, GpuStage] = {}
        for row in self.stages:
            known = found.get(row.name)
            if known is None or _is_better(row, known):
                found[row.name] = row
        return found


def gpu_report(query: Query, scope: Scope = EVERYTHING) -> GpuReport:
    """What is known of the GPU in the scope; no stages and a note where nothing was recorded."""
    activity = fetch_activity(query, scope) if is_any_read(query) else None
    devices = {} if activity is None else _devices(query, activity)
    if activity is None or not devices:
        return GpuReport((), (), 0, notes=(NOT_READ,))
    kernels = kernel_stages(query, scope)
    rows: list[GpuStage] = []
    idle: dict[str, float | None] = {}
    notes: list[str] = []
    for device, counters in sorted(devices.items()):
        if len(devices) > 1 and device not in activity.device:
            notes.append(f"{device}: no stage is known to have used it, so nothing is attributed.")
            continue
        segments = activity.segments if len(devices) == 1 else _on_device(activity, device)
        fitted = attribute_all(segments, activity.names, counters, FITTED)
        idle[device] = fitted[POWER].idle if POWER in fitted else None
        notes += _doubts(fitted)
        clock = clocks(segments, len(activity.names), counters)
        rows += [
            _row(activity, number, device, clock, fitted, kernels.get(name))
            for number, name in enumerate(activity.names)
        ]
    rows.sort(key=lambda row: (-row.own_ms, row.name))
    return GpuReport(
        stages=tuple(rows),
        devices=tuple(sorted(devices)),
        requests=activity.requests,
        idle_power_mw=idle,
        idle_share=_idle(activity),
        starved_share=_starved(rows) if len(devices) == 1 else None,
        notes=tuple(notes),
    )


def _is_better(row: GpuStage, other: GpuStage) -> bool:
    return (row.verdict is not None, row.sm_active_pct.value or -1.0) > (
        other.verdict is not None,
        other.sm_active_pct.value or -1.0,
    )


def _devices(query: Query, activity: Activity) -> dict[str, dict[str, Windows]]:
    first, last = int(activity.start_ns.min()), int(activity.end_ns.max())
    return device_windows(query, first - MARGIN_NS, last + MARGIN_NS)


def _on_device(activity: Activity, device: str) -> Segments:
    """Without what ran on another one."""
    here = np.array([each in ("", device) for each in activity.device])
    segments = activity.segments
    rows = np.flatnonzero(here[activity.segment_row])
    return Segments(segments.stage[rows], segments.start_ns[rows], segments.end_ns[rows])


def _doubts(fitted: dict[str, Attribution]) -> list[str]:
    for metric in (SM, UTILIZATION):
        found = fitted.get(metric)
        if found is not None and found.overlap > OVERLAP_SAID:
            return [
                f"{found.overlap:.0%} of the GPU's readings hold several requests at once; what "
                "a stage adds then is not what it does alone."
            ]
    return []


def _row(
    activity: Activity,
    number: int,
    device: str,
    clock: Clocks,
    fitted: dict[str, Attribution],
    kernels: KernelStage | None,
) -> GpuStage:
    name = activity.names[number]
    rows = np.flatnonzero(activity.stage == number)
    requests = max(activity.requests, 1)
    values = {metric: found.stages[name] for metric, found in fitted.items()}
    power = values.get(POWER, NOTHING)
    evidence = gather(activity, number, clock, values, kernels)
    verdict = judge(evidence)

    def per_request(note: str, unit: float = 1.0) -> float | None:
        column = activity.notes[note][rows]
        known = np.isfinite(column)
        return float(column[known].sum()) / unit / requests if known.any() else None

    peak = activity.notes["alloc_peak_bytes"][rows]
    active_s = float(activity.active_ns[rows].sum()) / 1e9 / requests
    return GpuStage(
        name=name,
        device=device,
        requests=len(np.unique(activity.trace[rows])),
        runs=len(rows),
        cold_runs=int(activity.is_cold[rows].sum()),
        own_ms=float(activity.own_ns[rows].sum()) / 1e6 / requests,
        active_ms=active_s * 1e3,
        cpu_share=evidence.cpu_share,
        sm_active_pct=values.get(SM, NOTHING),
        tensor_active_pct=values.get(TENSOR, NOTHING),
        dram_active_pct=values.get(DRAM, NOTHING),
        utilization_pct=values.get(UTILIZATION, NOTHING),
        power_mw=power,
        energy_mj=None if power.value is None else power.value * active_s,
        gpu_ms=per_request("gpu_ns", 1e6),
        gpu_lag_ms=per_request("gpu_lag_ns", 1e6),
        sync_wait_ms=per_request("sync_wait_ns", 1e6),
        h2d_bytes=per_request("h2d_bytes"),
        d2h_bytes=per_request("d2h_bytes"),
        memory_peak_bytes=int(np.nanmax(peak)) if np.isfinite(peak).any() else None,
        kernels=kernels,
        verdict=verdict.word,
        sentence=verdict.sentence,
    )


def _starved(rows: list[GpuStage]) -> float | None:
    total = sum(row.active_ms for row in rows)
    busy = [(row.active_ms, share) for row in rows if (share := _busy_share(row)) is not None]
    known = sum(active for active, _ in busy)
    if total <= 0 or known < STARVED_KNOWN * total:
        return None
    return 1 - sum(active * share for active, share in busy) / known


def _busy_share(row: GpuStage) -> float | None:
    if row.kernels is not None and row.kernels.busy_share is not None:
        return row.kernels.busy_share
    value = row.utilization_pct.value
    return None if value is None else value / 100


def _idle(activity: Activity) -> float | None:
    low = np.array([activity.start_ns.min()])
    high = np.array([activity.end_ns.max()])
    return float(idle_share(activity.segments, low, high)[0]) if high[0] > low[0] else None
