"""What was read of the GPUs: which cards, their figures over a window, readings of a moment."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from latprobe.analysis.gpu.counters import is_any_read
from latprobe.analysis.gpu.programs import grouped
from latprobe.analysis.gpu.run_cards import RunCards, run_cards
from latprobe.analysis.scope import Scope
from latprobe.store.query import Query
from latprobe_dashboard.gpu_metrics import DRAM as DRAM
from latprobe_dashboard.gpu_metrics import ENERGY as ENERGY
from latprobe_dashboard.gpu_metrics import LONGEST_NS as LONGEST_NS
from latprobe_dashboard.gpu_metrics import MEMORY as MEMORY
from latprobe_dashboard.gpu_metrics import MEMORY_TOTAL as MEMORY_TOTAL
from latprobe_dashboard.gpu_metrics import POWER as POWER
from latprobe_dashboard.gpu_metrics import SM as SM
from latprobe_dashboard.gpu_metrics import TENSOR as TENSOR
from latprobe_dashboard.gpu_metrics import UTILIZATION as UTILIZATION
from latprobe_dashboard.gpu_metrics import Metric as Metric
from latprobe_dashboard.gpu_metrics import read_metrics

# Readings at both ends of the requests; a card is read ten times a second.
MARGIN_NS = 1_000_000_000
# More readings than a chart has pixels are merged.
POINTS = 1_500

HOST_CPU = "host.cpu_pct"
DRAWN = (SM, UTILIZATION, TENSOR, DRAM, POWER, MEMORY, HOST_CPU)


@dataclass(frozen=True, slots=True)
class Card:
    """One GPU: `uuid` as its samples name it, what it is called, and its counters.

    `runs` are those of the scope that worked on it, of `services` on `hosts`, from `first_ns` to
    `last_ns` with so many `requests`; none where no run is known to have used it.
    """

    uuid: str
    name: str | None
    driver: str | None
    metrics: dict[str, Metric]
    runs: tuple[int, ...] = ()
    services: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    first_ns: int = 0
    last_ns: int = 0
    requests: int = 0


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
    runs = run_cards(query, scope) if is_any_read(query) else ()
    used = grouped([(card, run) for run in runs for card in run.cards], lambda pair: pair[0])
    on = {card: [run for _, run in pairs] for card, pairs in used.items()}
    found = read_metrics(query, first, last, {card: _window(its) for card, its in on.items()})
    names = _names(query)
    cards = tuple(
        _card(uuid, names.get(uuid, (None, None)), metrics, on.get(uuid, []))
        for uuid, metrics in sorted(found.items())
    )
    return Cards(cards, first, last, row["requests"])


def _card(
    uuid: str,
    named: tuple[str | None, str | None],
    metrics: dict[str, Metric],
    runs: list[RunCards],
) -> Card:
    """A card that the collector gave no name has the one that its runs say, if they agree."""
    models = {run.model for run in runs if run.model}
    first, last = _window(runs) if runs else (0, 0)
    return Card(
        uuid=uuid,
        name=named[0] or (models.pop() if len(models) == 1 else None),
        driver=named[1],
        metrics=metrics,
        runs=tuple(run.run_id for run in runs),
        services=tuple(dict.fromkeys(run.service for run in runs)),
        hosts=tuple(dict.fromkeys(run.host for run in runs if run.host)),
        first_ns=first,
        last_ns=last,
        requests=sum(run.requests for run in runs),
    )


def _window(runs: list[RunCards]) -> tuple[int, int]:
    first, last = min(run.first_ns for run in runs), max(run.last_ns for run in runs)
    return first - MARGIN_NS, last + MARGIN_NS


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
