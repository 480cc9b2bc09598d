"""What was read of the GPUs: which cards, their figures over a window, readings of a moment."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from latprobe.analysis.scope import Scope
from latprobe.store.query import Query

# Readings at both ends of the requests; a card is read ten times a second.
MARGIN_NS = 1_000_000_000
BUCKETS = 240
# A value is stored again after a second at the latest; over a longer pause nobody was reading.
LONGEST_NS = 1_500_000_000
# More readings than a chart has pixels are merged.
POINTS = 1_500

SM, TENSOR, DRAM = "gpu.sm_active_pct", "gpu.tensor_active_pct", "gpu.dram_active_pct"
UTILIZATION, POWER, ENERGY = "gpu.utilization_pct", "gpu.power_mw", "gpu.energy_mj"
MEMORY, MEMORY_TOTAL = "gpu.memory_used_bytes", "gpu.memory_total_bytes"
HOST_CPU = "host.cpu_pct"
DRAWN = (SM, UTILIZATION, TENSOR, DRAM, POWER, MEMORY, HOST_CPU)
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


@dataclass(frozen=True, slots=True)
class Card:
    """One GPU: `uuid` as its samples name it, what it is called, and its counters."""

    uuid: str
    name: str | None
    driver: str | None
    metrics: dict[str, Metric]


@dataclass(frozen=True, slots=True)
class Cards:
    """All GPUs read while the scope's requests ran, from `first_ns` to `last_ns`."""

    cards: tuple[Card, ...]
    first_ns: int
    last_ns: int
    requests: int


@dataclass(frozen=True, slots=True)
class Readings:
    """A counter's readings. One is the mean over the `span_ns` before its time."""

    metric: str
    device: str | None
    time_ns: list[int]
    span_ns: list[int]
    value: list[float]

    def is_within(self, first_ns: int, last_ns: int) -> bool:
        """Whether any reading tells of this time."""
        return any(
            time > first_ns and time - span < last_ns
            for time, span in zip(self.time_ns, self.span_ns, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Example:
    """One span of a stage, the longest; `profiled_trace` has its kernels, None where none has."""

    trace_id: str
    span_id: str
    duration_ns: int
    profiled_trace: str | None


def read_cards(query: Query, scope: Scope) -> Cards:
    """The GPUs and their figures over the scope's time; no cards where none was read."""
    where, parameters = scope.where()
    row = query(
        f"SELECT min(s.start_ns) AS first_ns, max(s.start_ns + s.duration_ns) AS last_ns,"
        f" count(*) AS requests FROM spans s WHERE s.parent_span_id IS NULL AND {where}",
        parameters,
    ).to_pylist()[0]
    if row["first_ns"] is None:
        return Cards((), 0, 0, 0)
    first, last = row["first_ns"] - MARGIN_NS, row["last_ns"] + MARGIN_NS
    found = _metrics(query, first, last)
    names = _names(query)
    cards = tuple(
        Card(uuid, *names.get(uuid, (None, None)), metrics)
        for uuid, metrics in sorted(found.items())
    )
    if len(cards) == 1 and cards[0].name is None:
        name = _name_of_runs(query, scope)
        cards = (Card(cards[0].uuid, name, None, cards[0].metrics),)
    return Cards(cards, first, last, row["requests"])


def _metrics(query: Query, first: int, last: int) -> dict[str, dict[str, Metric]]:
    step = max((last - first) // BUCKETS, 1)
    rows = query(
        f"""
        WITH readings AS (
            SELECT device, metric, value, time_ns, (time_ns - ?) // {step} AS bucket,
                   value - lag(value) OVER earlier AS rise,
                   -- not least(): it takes the first reading's NULL for the longest pause
                   CASE WHEN time_ns - lag(time_ns) OVER earlier > {LONGEST_NS} THEN {LONGEST_NS}
                        ELSE time_ns - lag(time_ns) OVER earlier END AS covered_ns
            FROM samples
            WHERE time_ns BETWEEN ? AND ? AND device IS NOT NULL AND pid IS NULL
              AND metric IN ({", ".join("?" for _ in _SUMMED)})
            WINDOW earlier AS (PARTITION BY device, metric ORDER BY time_ns)
        )
        SELECT device, metric, bucket::INTEGER AS bucket, avg(value) AS plain,
               sum(value * covered_ns) AS weighted, sum(covered_ns)::BIGINT AS covered_ns,
               min(value) AS least, max(value) AS most, count(*) AS readings,
               sum(greatest(rise, 0)) AS rise, min(time_ns) AS first_ns, max(time_ns) AS last_ns
        FROM readings GROUP BY device, metric, bucket ORDER BY device, metric, bucket""",
        [first, first, last, *_SUMMED],
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


def _names(query: Query) -> dict[str, tuple[str | None, str | None]]:
    """Device to (name, driver), as the collector noted them."""
    rows = query("SELECT key, value FROM meta WHERE key LIKE 'gpu:%'").to_pylist()
    found: dict[str, tuple[str | None, str | None]] = {}
    for row in rows:
        try:
            fact = json.loads(str(row["value"]))
        except ValueError:
            continue
        if isinstance(fact, dict):
            name, driver = fact.get("name"), fact.get("driver")
            found[str(row["key"])[4:]] = (
                name if isinstance(name, str) else None,
                driver if isinstance(driver, str) else None,
            )
    return found


def _name_of_runs(query: Query, scope: Scope) -> str | None:
    """The device that the scope's runs named, if they all named the same one."""
    where, parameters = scope.where()
    rows = query(
        "SELECT DISTINCT r.device AS device FROM runs r WHERE r.device IS NOT NULL AND r.run_id IN"
        f" (SELECT s.run_id FROM spans s WHERE {where})",
        parameters,
    ).to_pylist()
    return str(rows[0]["device"]) if len(rows) == 1 else None


def read_readings(
    query: Query, first_ns: int, last_ns: int, *, metrics: Sequence[str], device: str | None
) -> list[Readings]:
    """Readings whose window touches this time, in the order of `metrics`.

    Of `device` and of the host; of all devices where it is None.
    """
    step = max((last_ns - first_ns) // POINTS, 1)
    rows = query(
        f"""
        SELECT device, metric, max(time_ns) AS time_ns, avg(value) AS value FROM samples
        WHERE time_ns BETWEEN ? AND ? AND pid IS NULL
          AND metric IN ({", ".join("?" for _ in metrics)})
          AND (device IS NULL OR ?::VARCHAR IS NULL OR device = ?)
        GROUP BY device, metric, time_ns // {step} ORDER BY device, metric, time_ns""",
        [first_ns - LONGEST_NS, last_ns + LONGEST_NS, *metrics, device, device],
    )
    found = _split(rows)
    found.sort(key=lambda each: (metrics.index(each.metric), each.device or ""))
    return found


def _split(rows: pa.Table) -> list[Readings]:
    found: dict[tuple[str | None, str], Readings] = {}
    for row in rows.to_pylist():
        key = (row["device"], row["metric"])
        each = found.setdefault(key, Readings(row["metric"], row["device"], [], [], []))
        before = each.time_ns[-1] if each.time_ns else None
        gap = None if before is None else row["time_ns"] - before
        each.time_ns.append(row["time_ns"])
        each.span_ns.append(min(gap, LONGEST_NS) if gap is not None else 0)
        each.value.append(row["value"])
    for each in found.values():
        if len(each.span_ns) > 1:
            each.span_ns[0] = each.span_ns[1]
    return list(found.values())


def read_modalities(query: Query, scope: Scope) -> dict[str, str | None]:
    """Stage to its modality, None where no span of it has one."""
    where, parameters = scope.where()
    rows = query(
        "SELECT s.name AS name, any_value(s.modality) AS modality FROM spans s"
        f" WHERE {where} GROUP BY s.name",
        parameters,
    ).to_pylist()
    return {str(row["name"]): row["modality"] for row in rows}


def read_example(query: Query, scope: Scope) -> Example | None:
    """The longest span of `scope.stage`, and a trace of which the kernels are known."""
    where, parameters = scope.where()
    rows = query(
        "SELECT replace(s.trace_id::VARCHAR, '-', '') AS trace_id, s.span_id, s.duration_ns"
        f" FROM spans s WHERE {where} ORDER BY s.duration_ns DESC LIMIT 1",
        parameters,
    ).to_pylist()
    if not rows:
        return None
    profiled = query(
        "SELECT replace(k.trace_id::VARCHAR, '-', '') AS trace_id FROM kernel_profiles k"
        " WHERE k.stage = ? LIMIT 1",
        [scope.stage],
    ).to_pylist()
    (row,) = rows
    return Example(
        str(row["trace_id"]),
        f"{row['span_id']:016x}",
        int(row["duration_ns"]),
        str(profiled[0]["trace_id"]) if profiled else None,
    )
