"""What is known of each stage on each device, as rows; and one answer a stage."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from latprobe.analysis.gpu.attribution import Attributed
from latprobe.analysis.gpu.card_time import CardUse
from latprobe.analysis.gpu.kernels import KernelStage
from latprobe.analysis.gpu.programs import grouped, joint_verdict


@dataclass(frozen=True, slots=True)
class GpuStage:
    """One stage of the program `service` on one device. Percents and power are means while the
    stage is the active one.

    Each `Attributed` has its 95 % interval, or None and the reason. Times, bytes and energy are per
    request of the program on this device, of which there are `program_requests`; `requests` pass
    the stage. `own_ms` is host time that no child covers, `active_ms` the time it had the GPU (on
    the host where no event pair says it), `gpu_ms` the event pairs' time, gaps and children
    included. `energy_mj` is power times `active_ms`, the card's idle draw included.
    `memory_peak_bytes` is the allocator's. `kernels` is from sampled profiles. `verdict` is
    `latprobe.analysis.verdict.limit_of` the stage; `uses_gpu` None: not known.
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
    service: str = ""
    program_requests: int = 0
    uses_gpu: bool | None = None


@dataclass(frozen=True, slots=True)
class GpuReport:
    """All devices, each with the stages of the programs that ran on it and no others.

    `requests` are those that ran on any. `cards` has the time of each card that has stages;
    `idle_share` and `starved_share` are its, and None where there are several.
    """

    stages: tuple[GpuStage, ...]
    devices: tuple[str, ...]
    requests: int
    idle_power_mw: dict[str, float | None] = field(default_factory=dict)
    idle_share: float | None = None
    starved_share: float | None = None
    notes: tuple[str, ...] = ()
    cards: tuple[CardUse, ...] = ()

    def by_name(self) -> dict[str, GpuStage]:
        """One row a stage: of a program's several devices the one on which most is known of it.

        Where several programs have it, it is the row of the one with the most requests, with a
        verdict only as far as they agree.
        """
        found = {}
        for name, rows in grouped(self.stages, lambda row: row.name).items():
            programs = [_best(each) for each in grouped(rows, lambda row: row.service).values()]
            most = max(programs, key=lambda row: row.program_requests)
            if len(programs) > 1:
                word = joint_verdict([(row.service, row.verdict) for row in programs])
                most = replace(most, verdict=word) if word != most.verdict else most
            found[name] = most
        return found

    def card(self, device: str) -> CardUse | None:
        """The card's time; None where no stage is known to have used it."""
        return next((each for each in self.cards if each.device == device), None)


def _best(rows: list[GpuStage]) -> GpuStage:
    best = rows[0]
    for row in rows[1:]:
        best = row if _is_better(row, best) else best
    return best


def _is_better(row: GpuStage, other: GpuStage) -> bool:
    return (row.verdict is not None, row.sm_active_pct.value or -1.0) > (
        other.verdict is not None,
        other.sm_active_pct.value or -1.0,
    )
