"""Stages during which the card slows its clock."""

from __future__ import annotations

from collections.abc import Iterable

from latprobe.advice.context import Context
from latprobe.advice.gpu_limits import Limited, Remedy, limited, suggestion
from latprobe.advice.suggestion import Evidence, Suggestion
from latprobe.analysis.gpu.verdict import CAPPED, FORCED

NAME = "gpu_throttled"

_CLOCKS = """
WITH clock AS (SELECT time_ns, value FROM samples
               WHERE metric = 'gpu.sm_clock_mhz' AND device = ? AND pid IS NULL),
     reason AS (SELECT time_ns, value FROM samples
                WHERE metric = 'gpu.throttle_reasons' AND device = ? AND pid IS NULL)
SELECT avg(c.value) FILTER ((r.value::BIGINT & ?) <> 0) AS slowed_mhz, max(c.value) AS full_mhz
FROM clock c ASOF LEFT JOIN reason r ON c.time_ns >= r.time_ns
"""


def find(context: Context) -> Iterable[Suggestion]:
    """One suggestion for each stage with the verdict "throttled" whose clock was seen lower."""
    for stage in limited(context, "throttled"):
        slowed, full = _clocks(context, stage.gpu.device)
        if slowed and full and slowed < full:
            yield suggestion(context, NAME, stage, _remedy(stage, slowed, full))


def _clocks(context: Context, device: str) -> tuple[float | None, float | None]:
    row = context.query(_CLOCKS, [device, device, CAPPED | FORCED]).to_pylist()[0]
    return row["slowed_mhz"], row["full_mhz"]


def _remedy(stage: Limited, slowed: float, full: float) -> Remedy:
    return Remedy(
        title=f"Keep the card from slowing down in {stage.name}: {slowed:.0f} of {full:.0f} MHz",
        factor=slowed / full,
        how="Look for the reason with `nvidia-smi -q -d PERFORMANCE`: for heat, airflow and "
        "neighbours; for power, the limit (`nvidia-smi -q -d POWER`).\nWhere the limit is meant, "
        "spread the work over more cards or lower its precision.",
        verify=f"`latprobe gpu`: {stage.name} is no longer throttled.",
        link="https://docs.nvidia.com/deploy/nvml-api/latest/api/group__nvmlClocksEventReasons.html",
        effort="medium",
        preconditions=("The saving is that of the highest clock that was read, all the time.",),
        evidence=(
            Evidence("Clock while slowed: mean", round(slowed), "MHz"),
            Evidence("Highest clock read", round(full), "MHz"),
        ),
    )
