"""What each stage does to the GPU: activity, energy, memory, waits, and what limits it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latprobe.analysis.gpu.activity import Activity, fetch_activity
from latprobe.analysis.gpu.attribution import Attributed, Attribution, attribute_all
from latprobe.analysis.gpu.card_time import CardUse, active_idle, plausible_idle_mw
from latprobe.analysis.gpu.counters import FITTED, Windows, device_windows, is_any_read
from latprobe.analysis.gpu.kernels import KernelStage, kernel_stages
from latprobe.analysis.gpu.programs import grouped, labels
from latprobe.analysis.gpu.run_cards import MARGIN_NS, RunCards, run_cards
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
from latprobe.analysis.gpu.stage_rows import GpuReport, GpuStage
from latprobe.analysis.gpu.verdict import cpu_sentence, judge
from latprobe.analysis.request_paths import RequestPaths, StagePath, walk_requests
from latprobe.analysis.requests import even_sample, fetch_requests
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.analysis.spans import Ints
from latprobe.analysis.verdict import limit_of
from latprobe.store.query import Query

__all__ = ("NOT_READ", "GpuReport", "GpuStage", "gpu_report")

NOTHING = Attributed(None, None, None, 0, "not recorded")
NOT_READ = "No GPU was read while these requests ran; `latprobe doctor` says why."
# Less overlap than this moves no figure by a point.
OVERLAP_SAID = 0.1
# Of this share of the time it must be known whether a kernel ran.
STARVED_KNOWN = 0.9


def gpu_report(
    query: Query, scope: Scope = EVERYTHING, *, paths: RequestPaths | None = None
) -> GpuReport:
    """What is known of the GPU in the scope; no stages and a note where nothing was recorded.

    `paths` are those of the scope's requests, for callers that have them.
    """
    activity = fetch_activity(query, scope) if is_any_read(query) else None
    devices = {} if activity is None else _devices(query, activity)
    if activity is None or not devices:
        return GpuReport((), (), 0, notes=(NOT_READ,))
    if paths is None:
        paths = walk_requests(query, even_sample(fetch_requests(query, scope), None))
    runs = run_cards(query, scope)
    found: list[_OfCard] = []
    notes: list[str] = []
    for device, counters in sorted(devices.items()):
        here = tuple(run for run in runs if device in run.cards)
        part = activity.on_card(device, {run.run_id for run in here})
        if not part.names:
            notes.append(f"{device}: no stage is known to have used it, so nothing is attributed.")
            continue
        kernels = {
            service: kernel_stages(query, scope, runs=[run.run_id for run in its])
            for service, its in grouped(here, lambda run: run.service).items()
        }
        found.append(_of_card(device, part, counters, _Known(paths, here, kernels)))
    only = found[0].use if len(devices) == 1 and found else None
    return GpuReport(
        stages=tuple(
            sorted(
                (row for each in found for row in each.rows),
                key=lambda row: (-row.own_ms * row.program_requests, row.name, row.service),
            )
        ),
        devices=tuple(sorted(devices)),
        requests=len(np.unique(np.concatenate([each.trace for each in found] or [_NO_TRACE]))),
        idle_power_mw={each.use.device: each.use.idle_power_mw for each in found},
        idle_share=None if only is None else only.idle_share,
        starved_share=None if only is None else only.starved_share,
        notes=tuple(dict.fromkeys((*(note for each in found for note in each.notes), *notes))),
        cards=tuple(each.use for each in found),
    )


_NO_TRACE = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of the stages on a card beside its counters: `kernels` by service, stage."""

    paths: RequestPaths
    runs: tuple[RunCards, ...]
    kernels: dict[str, dict[str, KernelStage]]


@dataclass(frozen=True, slots=True)
class _OfCard:
    use: CardUse
    rows: tuple[GpuStage, ...]
    trace: Ints
    notes: list[str]


def _of_card(
    device: str, activity: Activity, counters: dict[str, Windows], known: _Known
) -> _OfCard:
    label = labels(activity.names, activity.services)
    fitted = attribute_all(activity.segments, label, counters, FITTED)
    clock = clocks(activity.segments, len(label), counters)
    rows = [
        _row(activity, number, device, clock, by_metric, known)
        for number, name in enumerate(label)
        for by_metric in ({metric: found.stages[name] for metric, found in fitted.items()},)
    ]
    active_s, idle = active_idle(activity)
    idle_mw = fitted[POWER].idle if POWER in fitted else None
    use = CardUse(
        device=device,
        model=_only({run.model for run in known.runs}),
        services=tuple(dict.fromkeys(activity.services)),
        hosts=tuple(dict.fromkeys(run.host for run in known.runs if run.host)),
        requests=activity.requests,
        active_s=active_s,
        idle_share=idle,
        idle_power_mw=plausible_idle_mw(idle_mw, counters.get(POWER)),
        starved_share=_starved(rows),
    )
    return _OfCard(use, tuple(rows), activity.trace, _doubts(fitted))


def _only(values: set[str | None]) -> str | None:
    known = values - {None}
    return known.pop() if len(known) == 1 else None


def _devices(query: Query, activity: Activity) -> dict[str, dict[str, Windows]]:
    first, last = int(activity.start_ns.min()), int(activity.end_ns.max())
    return device_windows(query, first - MARGIN_NS, last + MARGIN_NS)


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
    values: dict[str, Attributed],
    known: _Known,
) -> GpuStage:
    name, service = activity.names[number], activity.services[number]
    rows = np.flatnonzero(activity.stage == number)
    program = np.array([each == service for each in activity.services])[activity.stage]
    requests = max(len(np.unique(activity.trace[program])), 1)
    power = values.get(POWER, NOTHING)
    kernels = known.kernels.get(service, {}).get(name)
    evidence = gather(activity, number, clock, values, kernels)
    judged = judge(evidence)
    word = limit_of(known.paths.stages.get(name, StagePath()), judged.word)

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
        verdict=word,
        sentence=judged.sentence or cpu_sentence(word, evidence.cpu_share),
        service=service,
        program_requests=requests,
        uses_gpu=evidence.uses_gpu,
    )


def _starved(rows: list[GpuStage]) -> float | None:
    weighed = [(row.active_ms * row.program_requests, _busy_share(row)) for row in rows]
    total = sum(active for active, _ in weighed)
    busy = [(active, share) for active, share in weighed if share is not None]
    known = sum(active for active, _ in busy)
    if total <= 0 or known < STARVED_KNOWN * total:
        return None
    return 1 - sum(active * share for active, share in busy) / known


def _busy_share(row: GpuStage) -> float | None:
    if row.kernels is not None and row.kernels.busy_share is not None:
        return row.kernels.busy_share
    value = row.utilization_pct.value
    return None if value is None else value / 100
