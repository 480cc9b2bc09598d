"""A load report as JSON: keys carry units, what is not known is null beside its reason."""

from __future__ import annotations

from dataclasses import asdict

from latprobe.analysis.intervals import Estimate
from latprobe.analysis.load.batch_effect import BatchEffect
from latprobe.analysis.load.capacity import Capacity, OneMore
from latprobe.analysis.load.imbalance import Imbalance
from latprobe.analysis.load.report import LoadReport, StageLoad
from latprobe.analysis.queueing import Servers
from latprobe.analysis.refusal import Refusal


def to_json(report: LoadReport) -> dict[str, object]:
    """The documented keys of `latprobe load --json`. Estimates are {"value", "ci95"}."""
    return {
        "from_ns": report.from_ns,
        "to_ns": report.to_ns,
        "requests": report.requests,
        "all_requests": report.all_requests,
        "refused": report.refused,
        **asdict(report.busy),
        "stages": [_stage(each) for each in report.stages],
    }


def _stage(stage: StageLoad) -> dict[str, object]:
    return {
        "name": stage.name,
        "modality": stage.modality,
        **asdict(stage.busy),
        "calls_per_request": stage.calls_per_request,
        "stay_p50_ms": stage.stay_p50_ms,
        "stay_p95_ms": stage.stay_p95_ms,
        "little": None if stage.little is None else asdict(stage.little),
        "servers": _servers(stage.servers),
        "wait": None if stage.waits is None else asdict(stage.waits),
        "capacity": None if stage.capacity is None else _capacity(stage.capacity),
        "replicas": [
            {
                "name": each.name,
                **asdict(each.busy),
                "servers": each.servers,
                "utilisation": each.utilisation,
            }
            for each in stage.replicas
        ],
        "imbalance": _imbalance(stage.imbalance),
        "batch": _batch(stage.batch),
    }


def _servers(found: Servers | Refusal) -> dict[str, object]:
    if isinstance(found, Refusal):
        return {"count": None, "refused": found.reason}
    return {
        "count": found.count,
        "waits_explained_share": found.explained,
        "waited_runs": found.waited,
        "lead_ms": found.lead_ns / 1e6,
        "handoff_ms": found.handoff_ns / 1e6,
        "is_first_come": found.is_first_come,
        "replicas": dict(found.replicas),
        "refused": None,
    }


def _capacity(found: Capacity) -> dict[str, object]:
    return {
        "utilisation": _estimate(found.utilisation),
        "capacity_per_s": _estimate(found.capacity_per_s),
        "p95_doubles_per_s": _estimate(found.p95_doubles_per_s),
        "p50_ms": found.p50_ms,
        "p95_ms": found.p95_ms,
        "one_more": _one_more(found.one_more),
        "assumptions": list(found.assumptions),
    }


def _one_more(found: OneMore | Refusal) -> dict[str, object]:
    if isinstance(found, Refusal):
        return {"refused": found.reason}
    return {
        "servers": found.servers,
        "p50_ms": _estimate(found.p50_ms),
        "p95_ms": _estimate(found.p95_ms),
        "wait_saved_ms": found.wait_saved_ms,
        "capacity_per_s": _estimate(found.capacity_per_s),
        "refused": None,
    }


def _imbalance(found: Imbalance | Refusal | None) -> dict[str, object] | None:
    if found is None:
        return None
    return {"refused": found.reason} if isinstance(found, Refusal) else asdict(found)


def _batch(found: BatchEffect | Refusal | None) -> dict[str, object] | None:
    if found is None:
        return None
    if isinstance(found, Refusal):
        return {"refused": found.reason}
    return {
        "calls": found.calls,
        "usual_size": found.usual_size,
        "largest_size": found.largest_size,
        "sizes": [asdict(each) for each in found.sizes],
        "base_ms": _estimate(found.base_ms),
        "item_ms": _estimate(found.item_ms),
        "per_item_saved_share": _estimate(found.per_item_saved),
        "fill_ms": found.fill_ms,
        "notes": list(found.notes),
    }


def _estimate(found: Estimate | None) -> dict[str, object] | None:
    if found is None:
        return None
    interval = found.interval
    return {"value": found.value, "ci95": None if interval is None else interval.to_json()}
