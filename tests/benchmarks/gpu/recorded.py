"""What latprobe recorded of the runs, held against the truth."""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from latprobe.agent.client import connect
from latprobe.analysis.gpu.stages import GpuReport, GpuStage, gpu_report
from latprobe.analysis.scope import Scope
from latprobe.store.folder_lock import StoreBusyError
from latprobe.store.owner import StoreOwner
from latprobe.store.parquet import export_store
from tests.benchmarks.gpu.card import METRICS, POWER
from tests.benchmarks.gpu.own_readings import Row

FIELDS = {
    METRICS[0]: "sm_active_pct",
    METRICS[1]: "tensor_active_pct",
    METRICS[2]: "dram_active_pct",
    POWER: "power_mw",
}
WAIT_S = 25.0


class Recorded:
    """The store, once the agent has let go of it. `own` readings are used if it took none."""

    def __init__(self, home: Path, own: list[Row], *, has_agent: bool) -> None:
        if has_agent:
            _let_agent_finish(home)
        self._owner = _own(home)
        self._owner.ingest_pending()
        self.readings = self._count()
        if not self.readings["gpm"]:
            self._owner.insert_samples(own)
            self.readings["own"] = len(own)

    def __enter__(self) -> Recorded:
        return self

    def __exit__(self, *_: object) -> None:
        self._owner.close()

    def report(self, times_ns: list[int]) -> GpuReport:
        """Of the requests of this time."""
        return gpu_report(self._owner.query, Scope(from_ns=times_ns[0], to_ns=times_ns[1]))

    def export(self, folder: Path) -> dict[str, int]:
        """Writes all of it as Parquet."""
        return asdict(export_store(self._owner.query, folder))

    def _count(self) -> dict[str, int]:
        rows = self._owner.query("SELECT source, count(*) AS n FROM samples GROUP BY source")
        found = {row["source"]: row["n"] for row in rows.to_pylist()}
        for table in ("spans", "gpu_spans", "kernel_profiles"):
            counted = self._owner.query(f"SELECT count(*) AS n FROM {table}").to_pylist()
            found[table] = counted[0]["n"]
        cost = self._owner.query(
            "SELECT avg(value) AS cpu FROM samples WHERE metric = 'agent.gpu_collector_cpu_pct'"
        ).to_pylist()
        return {"gpm": 0, **found, "collector_cpu_pct": cost[0]["cpu"]}


def _let_agent_finish(home: Path) -> None:
    """Waits until all is ingested and no more profile comes in, then stops it."""
    client = connect(home)
    if client is None:
        return
    with client:
        client.flush(WAIT_S)
        last, since = -1, time.monotonic()
        while time.monotonic() - since < WAIT_S:
            count = client.query("SELECT count(*) AS n FROM kernel_profiles").to_pylist()[0]["n"]
            if count == last and time.monotonic() - since > 8:
                break
            last = count
            time.sleep(2)
        client.stop()


def _own(home: Path) -> StoreOwner:
    until = time.monotonic() + WAIT_S
    while True:
        try:
            return StoreOwner(home)
        except StoreBusyError:
            if time.monotonic() > until:
                raise
            time.sleep(0.25)


def compare(results: dict[str, Any], label: str, store: Recorded) -> dict[str, Any]:
    """Stage to metric to attributed value, interval, truth and difference; busy share; verdict."""
    report = store.report(results[label]["times_ns"])
    profiled = results.get("profiled") or {}
    sampled = store.report(profiled["times_ns"]).by_name() if profiled else {}
    before, after = results.get("alone_before") or {}, results.get("alone_after") or {}
    rows: dict[str, Any] = {}
    for row in report.stages:
        found: dict[str, Any] = {
            metric: _figure(getattr(row, field), before.get(row.name, {}).get(metric),
                            after.get(row.name, {}).get(metric))
            for metric, field in FIELDS.items()
        }  # fmt: skip
        # Kineto's share of the root holds its stages', latprobe's does not.
        kineto = results.get("kineto") if row.name in before else None
        found["busy_share"] = _busy(sampled.get(row.name), kineto, row.name)
        found["verdict_with_kernels"] = getattr(sampled.get(row.name), "verdict", None)
        found |= {"verdict": row.verdict, "sentence": row.sentence, "own_ms": row.own_ms}
        found |= {"active_ms": row.active_ms, "gpu_ms": row.gpu_ms, "runs": row.runs}
        found |= {"cold_runs": row.cold_runs, "energy_mj": row.energy_mj, "cpu": row.cpu_share}
        rows[row.name] = found
    return {"stages": rows, "notes": report.notes, "idle_share": report.idle_share, **_sums(rows)}


def _figure(
    found: Any, before: dict[str, float] | None, after: dict[str, float] | None
) -> dict[str, Any]:
    figure = {"value": found.value, "low": found.low, "high": found.high, "reason": found.reason}
    figure |= {"together": found.together, "windows": found.windows}
    truths = [each["mean"] for each in (before, after) if each]
    if not truths:
        return figure
    truth = sum(truths) / len(truths)
    figure |= {"truth": truth, "truth_spread": max(truths) - min(truths)}
    if found.value is not None:
        figure |= {"off": found.value - truth, "covers": found.low <= truth <= found.high}
    return figure


def _busy(stage: GpuStage | None, kineto: Any, name: str) -> dict[str, Any]:
    """Latprobe's sampled profiles beside Kineto read here."""
    kernels = None if stage is None else stage.kernels
    found = None if kernels is None else kernels.busy_share
    truth = None if not kineto or name not in kineto else kineto[name]["busy_share"]
    figure = {"value": found, "truth": truth, "off": None}
    if found is not None and truth is not None:
        figure["off"] = 100 * (found - truth)
    return figure


def _sums(rows: dict[str, Any]) -> dict[str, Any]:
    figures = [
        (metric, row[metric]) for row in rows.values() for metric in METRICS if "off" in row[metric]
    ]
    worst = [abs(f["off"]) for metric, f in figures if metric == METRICS[0]]
    busy = [
        abs(r["busy_share"]["off"]) for r in rows.values() if r["busy_share"]["off"] is not None
    ]
    return {
        "worst_sm_points": max(worst, default=math.nan),
        "worst_points": max((abs(f["off"]) for _, f in figures), default=math.nan),
        "covered": sum(f["covers"] for _, f in figures),
        "intervals": len(figures),
        "worst_busy_points": max(busy, default=math.nan),
        "not_told": [
            f"{name} {metric}: {row[metric]['reason']}"
            for name, row in rows.items()
            for metric in METRICS
            if "truth" in row[metric] and row[metric]["value"] is None
        ],
    }


def print_table(results: dict[str, Any]) -> None:
    """The figures that matter, for a person."""
    print(f"{results.get('card')}, torch {results['torch']}, readings {results.get('readings')}")
    clock = {key: value for key, value in (results.get("clock") or {}).items() if key != "readings"}
    print(f"counters' clock: {clock}")
    for label in ("waiting", "not_waiting"):
        found = results.get(f"{label}_compared")
        if not found:
            continue
        print(f"\n{label}: stages that {'wait' if label == 'waiting' else 'do not wait'}")
        for name, row in found["stages"].items():
            busy = row["busy_share"]
            word = f"{row['verdict'] or '-'} / {row['verdict_with_kernels'] or '-'}"
            shares = f"busy {_text(busy['value'], 100)} truth {_text(busy['truth'], 100)}"
            print(f"  {name:12} {row['own_ms']:7.1f} ms  {word:36} {shares}")
            for metric in FIELDS:
                print(f"      {metric:22} {_line(row[metric], 1e-3 if metric == POWER else 1.0)}")
        print(f"  worst SM {found['worst_sm_points']:.1f} points, all percents "
              f"{found['worst_points']:.1f}; busy {found['worst_busy_points']:.1f}")  # fmt: skip
        print(f"  intervals hold the truth in {found['covered']} of {found['intervals']}")
        print(f"  {found['notes']} {found['not_told']}")
    for name, failure in results["failures"].items():
        print(f"FAILED {name}: {failure.strip().splitlines()[-1]}")


def _line(figure: dict[str, Any], unit: float) -> str:
    interval = f"[{_text(figure['low'], unit)}, {_text(figure['high'], unit)}]"
    truth = f"truth {_text(figure.get('truth'), unit)} +- {_text(figure.get('truth_spread'), unit)}"
    said = f"{_text(figure['value'], unit)} {interval} {truth}"
    if "off" in figure:
        return f"{said}  off {_text(figure['off'], unit)} {'' if figure['covers'] else 'NOT HELD'}"
    return f"{said}  {figure['reason'] or ''} {figure['together'] or ''}"


def _text(value: float | None, unit: float) -> str:
    return "-" if value is None else f"{value * unit:.1f}"
