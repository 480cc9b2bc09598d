"""The load report: every stage's rate, concurrency, queue, servers, replicas and batches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latprobe.analysis.active_time import active_ns
from latprobe.analysis.load.batch_effect import BatchEffect, find_batch_effect
from latprobe.analysis.load.capacity import Capacity, find_capacity
from latprobe.analysis.load.imbalance import Imbalance, find_imbalance
from latprobe.analysis.load.lined_up import ready_ns
from latprobe.analysis.load.occupancy import (
    Little,
    ends_of,
    little,
    max_present,
    mean_present,
    occupied_share,
)
from latprobe.analysis.load.stage_calls import (
    MAX_SPANS,
    StageCalls,
    fetch_stage_calls,
    latest,
)
from latprobe.analysis.mixed_programs import mixed_programs
from latprobe.analysis.no_data import nothing_found
from latprobe.analysis.queueing import Evidence, Servers, look_for_servers
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.requests import Requests, fetch_requests
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.analysis.spans import Ints
from latprobe.store.query import Query

_NOTHING_BEFORE = (
    "Requests begin with this stage, so a queue in front of it is not recorded. Put a stage around "
    "the waiting and the work together."
)


@dataclass(frozen=True, slots=True)
class Period:
    """The time of a report; `idle_ns` of it lies between runs of the program."""

    from_ns: int
    to_ns: int
    idle_ns: int = 0


@dataclass(frozen=True, slots=True)
class Waits:
    """How long runs waited for a server, in ms, over all runs; `share` of them waited at all."""

    mean_ms: float
    p50_ms: float
    p95_ms: float
    share: float


@dataclass(frozen=True, slots=True)
class Busy:
    """What ran, over the time of the report without that between the program's runs: runs a
    second, how many at once on average and at most, the share of the time (0..1) in which any ran.
    """

    runs: int
    rate_per_s: float | None
    mean_running: float
    max_running: int
    occupied_share: float


@dataclass(frozen=True, slots=True)
class ReplicaLoad:
    """One replica of a stage; `utilisation` (0..1) where its number of servers is known."""

    name: str
    busy: Busy
    servers: int | None
    utilisation: float | None


@dataclass(frozen=True, slots=True)
class StageLoad:
    """One stage. `stay_p50_ms` and `stay_p95_ms` are of waiting and running together: from when a
    run could have started to its end. `servers`, `waits` and `capacity` are refused together, for
    one reason.

    `calls_per_request` turns rates of this stage into rates of requests. `imbalance` and `batch`
    are None where the stage has no replicas or no batch sizes at all.
    """

    name: str
    modality: str | None
    busy: Busy
    calls_per_request: float
    stay_p50_ms: float
    stay_p95_ms: float
    little: Little | None
    servers: Servers | Refusal
    waits: Waits | None
    capacity: Capacity | None
    replicas: tuple[ReplicaLoad, ...]
    imbalance: Imbalance | Refusal | None
    batch: BatchEffect | Refusal | None


@dataclass(frozen=True, slots=True)
class LoadReport:
    """The stages with most time first, over the time from the first request's start to the last
    end. `requests` of `all_requests` in the scope were looked at: the latest ones. `refused`: why
    no stage's servers, replicas or batches were."""

    from_ns: int
    to_ns: int
    requests: int
    all_requests: int
    busy: Busy
    stages: tuple[StageLoad, ...]
    refused: str | None = None


def load_report(
    query: Query, scope: Scope = EVERYTHING, *, max_spans: int = MAX_SPANS
) -> LoadReport:
    """The load of every stage of the requests in the scope.

    A queue can only be followed through every request, so it is not sampled: the latest requests
    with at most `max_spans` spans together are looked at. A scope that names a stage reports that
    stage. Of programs with different work together only what was counted is told, and no servers.
    Raises NoDataError when nothing is in the scope.
    """
    recorded = fetch_requests(query, scope)
    if not len(recorded):
        raise nothing_found(query, scope)
    requests = latest(recorded, max_spans=max_spans)
    mixed = mixed_programs(query, requests)
    calls = [
        each
        for each in fetch_stage_calls(query, requests)
        if scope.stage is None or each.name == scope.stage
    ]
    ends = ends_of(requests.start_ns, requests.duration_ns)
    period = _period(requests, ends, calls)
    return LoadReport(
        from_ns=period.from_ns,
        to_ns=period.to_ns,
        requests=len(requests),
        all_requests=len(recorded),
        busy=_busy(requests.start_ns, ends, period),
        stages=tuple(stage_load(each, len(requests), period, refused=mixed) for each in calls),
        refused=None if mixed is None else mixed.reason,
    )


def stage_load(
    calls: StageCalls, requests: int, period: Period, *, refused: Refusal | None = None
) -> StageLoad:
    """One stage's load in the period; `refused`: why only what was counted is told."""
    replicas = calls.replicas()
    evidence = _evidence(calls) if refused is None else Evidence(None, refused.reason)
    servers = evidence.servers
    stay_p50, stay_p95 = (np.quantile(calls.sojourn_ns, [0.5, 0.95]) / 1e6).tolist()
    return StageLoad(
        name=calls.name,
        modality=calls.modality,
        busy=_busy(calls.start_ns, calls.end_ns, period),
        calls_per_request=len(calls) / max(requests, 1),
        stay_p50_ms=stay_p50,
        stay_p95_ms=stay_p95,
        little=little(calls),
        servers=servers if servers is not None else Refusal(evidence.reason or ""),
        waits=None if servers is None else _waits(calls, servers),
        capacity=None if servers is None else find_capacity(calls, servers, idle_ns=period.idle_ns),
        replicas=tuple(_replica(calls, name, servers, period) for name in replicas),
        imbalance=(refused or find_imbalance(calls)) if replicas else None,
        batch=(refused or find_batch_effect(calls)) if (calls.items >= 1).any() else None,
    )


def _period(requests: Requests, ends: Ints, calls: list[StageCalls]) -> Period:
    """From the first request's start to the last end; a stage may end after its request."""
    last = ends.copy()
    for each in calls:
        np.maximum.at(last, each.request, each.end_ns)
    from_ns, to_ns = int(requests.start_ns.min()), int(last.max())
    active = active_ns(requests.start_ns, last, requests.run)
    return Period(from_ns, to_ns, to_ns - from_ns - active)


def _evidence(calls: StageCalls) -> Evidence:
    if calls.is_root and not (calls.start_ns > calls.arrival_ns).any():
        return Evidence(None, _NOTHING_BEFORE)
    replica = calls.replica if calls.replicas() else None
    return look_for_servers(calls.arrival_ns, calls.start_ns, calls.end_ns, replica=replica)


def _busy(start: Ints, end: Ints, period: Period) -> Busy:
    from_ns, to_ns, idle_ns = period.from_ns, period.to_ns, period.idle_ns
    time_ns = to_ns - from_ns - idle_ns
    return Busy(
        runs=len(start),
        rate_per_s=len(start) / time_ns * 1e9 if time_ns > 0 else None,
        mean_running=mean_present(start, end, from_ns, to_ns, idle_ns=idle_ns),
        max_running=max_present(start, end),
        occupied_share=occupied_share(start, end, from_ns, to_ns, idle_ns=idle_ns),
    )


def _replica(calls: StageCalls, name: str, servers: Servers | None, period: Period) -> ReplicaLoad:
    own = calls.of_replica(name)
    busy = _busy(own.start_ns, own.end_ns, period)
    count = None if servers is None else dict(servers.replicas).get(name)
    return ReplicaLoad(name, busy, count, None if count is None else busy.mean_running / count)


def _waits(calls: StageCalls, servers: Servers) -> Waits:
    waited = (calls.start_ns - ready_ns(calls, servers)) / 1e6
    p50, p95 = np.quantile(waited, [0.5, 0.95]).tolist()
    return Waits(float(waited.mean()), p50, p95, servers.waited / max(len(calls), 1))
