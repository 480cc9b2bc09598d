"""What limits a stage on the GPU, in words with the figures behind them.

Thresholds come from readings of one H200: a loop of tiny kernels read SM active 21 % with kernels
running 4.5 % of the time, a bf16 matrix product SM 84 % and tensor 63 %, a memory-bound copy SM
89-92 %, DRAM 79-81 % and tensor 0. What lies between is left without a verdict.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

# NVML's reasons that slow the clock by force: HW slowdown, SW thermal, HW thermal, HW power brake.
# Idle clocks and the user's own settings are none.
FORCED = 0x08 | 0x20 | 0x40 | 0x80
# SW power cap: an H200 names it as soon as it trims the clock by 1 %, so the clock itself counts.
CAPPED = 0x04

IDLE_SM_PCT = 4.0
LOW_SM_PCT = 35.0
HIGH_SM_PCT = 60.0
HIGH_DRAM_PCT = 50.0
HIGH_TENSOR_PCT = 30.0
BUSY_CPU_SHARE = 0.8
LOW_KERNEL_SHARE = 0.5
TINY_KERNEL_NS = 15_000.0
TRANSFER_SHARE = 0.4
# What copies from memory that is not pinned reach: at this rate they fill the time.
PAGEABLE_BYTES_PER_S = 2e9
# A window of 200 ms holds several stages: one that draws the most power for 35 ms of 350 marked a
# third of every stage's time (seen on an H200), so only what is slowed nearly always is.
THROTTLED_SHARE = 0.8
SLOW_CLOCK_SHARE = 0.9
MOST_WAITING_SHARE = 0.2

_LESS = "less work, a lower precision or a larger card."


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a stage. Shares are 0..1 of its own time, percents 0..100; None: unknown.

    `utilization_pct` is NVML's: the time in which any kernel ran, an upper bound of SM activity.
    `kernel_share` and `kernel_ns` (mean length of a kernel) come from sampled profiles.
    `copied_bytes_per_s` is between host and device. `sync_share` is time in waits for the GPU.
    `capped_share` is time in which the card named the power cap, `forced_share` heat or a power
    brake; `clock_share` is the SM clock meanwhile as a share of this card's usual fast one.
    `uses_gpu` is False where profiles saw no kernel.
    """

    cpu_share: float | None = None
    sm_active_pct: float | None = None
    tensor_active_pct: float | None = None
    dram_active_pct: float | None = None
    utilization_pct: float | None = None
    kernel_share: float | None = None
    kernel_ns: float | None = None
    copy_share: float | None = None
    copied_bytes_per_s: float | None = None
    sync_share: float | None = None
    capped_share: float | None = None
    forced_share: float | None = None
    clock_share: float | None = None
    uses_gpu: bool | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The word, None where nothing is certain, and a sentence with figures."""

    word: str | None
    sentence: str | None


def judge(evidence: Evidence) -> Verdict:
    """The first verdict that the evidence bears out."""
    for rule in _RULES:
        found = rule(evidence)
        if found is not None:
            return found
    return Verdict(None, None)


def cpu_sentence(word: str | None, cpu_share: float | None) -> str | None:
    """Why a stage has a verdict by its CPU time alone; None where that says nothing."""
    measured = "" if cpu_share is None else f" (CPU thread {cpu_share:.0%})"
    return {
        "cpu-bound": f"The CPU thread works nearly all the time{measured}; what the GPU does "
        "meanwhile is not certain.",
        "waiting": f"The thread mostly waits{measured}; for what is not certain.",
        "server-bound": f"A request to another side is under way nearly all the time{measured}.",
        "in its call": "It only carries a call: that one's limit is its limit.",
    }.get(word or "")


def _idle(e: Evidence) -> Verdict | None:
    at_most = _sm_at_most(e)
    if e.uses_gpu is not False and (e.uses_gpu or at_most is None or at_most >= IDLE_SM_PCT):
        return None
    if _works_on_cpu(e):
        return Verdict(
            "cpu-bound",
            f"The GPU has nothing to do while the CPU works (thread {e.cpu_share:.0%}): "
            "move the work to the GPU or to workers that run ahead.",
        )
    return Verdict("idle", "The GPU has nothing to do in this stage.")


def _throttled(e: Evidence) -> Verdict | None:
    forced, capped = e.forced_share or 0.0, e.capped_share or 0.0
    is_slow = e.clock_share is not None and e.clock_share < SLOW_CLOCK_SHARE
    if forced < THROTTLED_SHARE and not (is_slow and max(forced, capped) >= THROTTLED_SHARE):
        return None
    seen = "" if e.clock_share is None else f" to {e.clock_share:.0%} of its usual speed"
    return Verdict(
        "throttled",
        f"The card slowed its clock{seen} in {max(forced, capped):.0%} of the time (power or "
        "heat): check cooling and the power limit.",
    )


def _transfer(e: Evidence) -> Verdict | None:
    if e.copy_share is None and _copies_at_full_speed(e):
        return Verdict(
            "transfer-bound",
            f"It copies {(e.copied_bytes_per_s or 0) / 1e9:.1f} GB/s between host and device while "
            f"SM reads {e.sm_active_pct:.0f} %: pin the memory, copy once, or keep the data there.",
        )
    if e.copy_share is None or e.copy_share < TRANSFER_SHARE:
        return None
    return Verdict(
        "transfer-bound",
        f"{e.copy_share:.0%} of the time goes into copies between host and device: pin the "
        "memory, copy once, or keep the data on the GPU.",
    )


def _launch(e: Evidence) -> Verdict | None:
    if e.kernel_share is None or e.kernel_ns is None:
        return None
    if e.kernel_share >= LOW_KERNEL_SHARE or e.kernel_ns >= TINY_KERNEL_NS:
        return None
    return Verdict(
        "launch-bound",
        f"Kernels of {e.kernel_ns / 1000:.1f} us on average run {e.kernel_share:.0%} of the time; "
        "the rest goes into launching them: compile, fuse, batch or use CUDA graphs.",
    )


def _host(e: Evidence) -> Verdict | None:
    if not _works_on_cpu(e):
        return None
    at_most = _sm_at_most(e)
    if at_most is None or at_most >= LOW_SM_PCT:
        return None
    if e.sm_active_pct is not None:
        seen = f"SM {e.sm_active_pct:.0f} %"
    else:
        seen = f"some kernel ran {at_most:.0f} % of the time"
    return Verdict(
        "host-bound",
        f"The GPU waits for Python: {seen}, CPU thread {e.cpu_share:.0%}: "
        "batch, compile or use CUDA graphs.",
    )


def _memory(e: Evidence) -> Verdict | None:
    dram, tensor = e.dram_active_pct, e.tensor_active_pct
    if dram is None or dram < HIGH_DRAM_PCT or (tensor is not None and tensor >= dram):
        return None
    return Verdict(
        "memory-bandwidth-bound",
        f"DRAM {dram:.0f} % busy{_and('tensor cores', tensor)}: move fewer bytes "
        "(batch, quantise, fuse).",
    )


def _compute(e: Evidence) -> Verdict | None:
    sm, tensor = e.sm_active_pct, e.tensor_active_pct
    if sm is None and tensor is not None and tensor >= HIGH_SM_PCT:  # the SMs then are, too
        return Verdict("compute-bound", f"Tensor cores {tensor:.0f} % active: {_LESS}")
    if sm is None or sm < HIGH_SM_PCT:
        return None
    if not (tensor is not None and tensor >= HIGH_TENSOR_PCT) and e.dram_active_pct is None:
        return None
    return Verdict(
        "compute-bound",
        f"SM {sm:.0f} % active{_and('tensor cores', tensor)}: {_LESS}",
    )


def _cpu(e: Evidence) -> Verdict | None:
    if not _works_on_cpu(e) or _sm_at_most(e) is not None or e.kernel_share is not None:
        return None
    return Verdict(
        "cpu-bound",
        f"The CPU thread works all the time ({e.cpu_share:.0%}); what the GPU does meanwhile "
        "cannot be told from its readings.",
    )


def _copies_at_full_speed(e: Evidence) -> bool:
    if e.copied_bytes_per_s is None or e.sm_active_pct is None or e.sm_active_pct >= LOW_SM_PCT:
        return False
    return e.copied_bytes_per_s >= PAGEABLE_BYTES_PER_S


def _works_on_cpu(e: Evidence) -> bool:
    if e.cpu_share is None or e.cpu_share < BUSY_CPU_SHARE:
        return False
    # A thread that waits for the GPU spins, and looks as busy as a working one.
    return e.sync_share is None or e.sync_share <= MOST_WAITING_SHARE


def _sm_at_most(e: Evidence) -> float | None:
    """SM activity in percent, or its bound where only that was read."""
    return e.sm_active_pct if e.sm_active_pct is not None else e.utilization_pct


def _and(what: str, percent: float | None) -> str:
    return "" if percent is None else f", {what} {percent:.0f} %"


_RULES: tuple[Callable[[Evidence], Verdict | None], ...] = (
    _idle,
    _throttled,
    _transfer,
    _launch,
    _host,
    _memory,
    _compute,
    _cpu,
)
