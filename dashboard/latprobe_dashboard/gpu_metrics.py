"""A card's counters over a window: means, extremes, and a trend to draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from latprobe.store.query import Query

BUCKETS = 240
# A value is stored again after a second at the latest; over a longer pause nobody was reading.
LONGEST_NS = 1_500_000_000
SM, TENSOR, DRAM = "gpu.sm_active_pct", "gpu.tensor_active_pct", "gpu.dram_active_pct"
UTILIZATION, POWER, ENERGY = "gpu.utilization_pct", "gpu.power_mw", "gpu.energy_mj"
MEMORY, MEMORY_TOTAL = "gpu.memory_used_bytes", "gpu.memory_total_bytes"
_SUMMED = (SM, UTILIZATION, TENSOR, DRAM, POWER, ENERGY, MEMORY, MEMORY_TOTAL)


@dataclass(frozen=True, slots=True)
class Metric:
    """A counter over the window. `mean` weighs each reading by the time it stands for.

    `trend` has BUCKETS means, None where nothing was read. `rise` is what a counter that only
    grows rose by from `first_ns` to `last_ns`; `covered_ns` the time between its readings, long
    pauses left out.
    """

    mean: float
    least: float
    most: float
    readings: int
    rise: float
    covered_ns: int
    first_ns: int
    last_ns: int
    trend: tuple[float | None, ...]


def read_metrics(
    query: Query, first: int, last: int, windows: Mapping[str, tuple[int, int]]
) -> dict[str, dict[str, Metric]]:
    """Device to metric to its figures, within the device's own window where it has one, else from
    `first` to `last` (ns)."""
    whole = f"WHEN device IS NOT NULL THEN {first}", f"WHEN device IS NOT NULL THEN {last}"
    low, high = (
        "CASE "
        + " ".join(f"WHEN device = ? THEN {int(ends[side])}" for ends in windows.values())
        + f" {whole[side]} END"
        for side in (0, 1)
    )
    rows = query(
        f"""
        WITH placed AS (
            SELECT *, {low} AS low_ns, {high} AS high_ns FROM samples
            WHERE time_ns BETWEEN ? AND ? AND device IS NOT NULL AND pid IS NULL
              AND metric IN ({", ".join("?" for _ in _SUMMED)})
        ), readings AS (
            SELECT device, metric, value, time_ns,
                   (time_ns - low_ns) // greatest((high_ns - low_ns) // {BUCKETS}, 1) AS bucket,
                   value - lag(value) OVER earlier AS rise,
                   -- not least(): it takes the first reading's NULL for the longest pause
                   CASE WHEN time_ns - lag(time_ns) OVER earlier > {LONGEST_NS} THEN {LONGEST_NS}
                        ELSE time_ns - lag(time_ns) OVER earlier END AS covered_ns
            FROM placed WHERE time_ns BETWEEN low_ns AND high_ns
            WINDOW earlier AS (PARTITION BY device, metric ORDER BY time_ns)
        )
        SELECT device, metric, bucket::INTEGER AS bucket, avg(value) AS plain,
               sum(value * covered_ns) AS weighted, sum(covered_ns)::BIGINT AS covered_ns,
               min(value) AS least, max(value) AS most, count(*) AS readings,
               sum(greatest(rise, 0)) AS rise, min(time_ns) AS first_ns, max(time_ns) AS last_ns
        FROM readings GROUP BY device, metric, bucket ORDER BY device, metric, bucket""",
        [*windows, *windows, first, last, *_SUMMED],
    ).to_pylist()
    grouped: dict[str, dict[str, list[dict[str, float]]]] = {}
    for each in rows:
        grouped.setdefault(str(each["device"]), {}).setdefault(str(each["metric"]), []).append(each)
    return {
        device: {metric: _metric(found) for metric, found in metrics.items()}
        for device, metrics in grouped.items()
    }


def _metric(rows: list[dict[str, float]]) -> Metric:
    covered = sum(row["covered_ns"] or 0 for row in rows)
    readings = sum(row["readings"] for row in rows)
    trend: list[float | None] = [None] * BUCKETS
    for row in rows:
        trend[min(int(row["bucket"]), BUCKETS - 1)] = row["plain"]
    if covered:
        mean = sum(row["weighted"] or 0.0 for row in rows) / covered
    else:
        mean = sum(row["plain"] * row["readings"] for row in rows) / readings
    return Metric(
        mean=mean,
        least=min(row["least"] for row in rows),
        most=max(row["most"] for row in rows),
        readings=int(readings),
        rise=sum(row["rise"] or 0.0 for row in rows),
        covered_ns=int(covered),
        first_ns=int(min(row["first_ns"] for row in rows)),
        last_ns=int(max(row["last_ns"] for row in rows)),
        trend=tuple(trend),
    )
