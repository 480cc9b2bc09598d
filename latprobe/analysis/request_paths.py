"""Self time, critical path and CPU per stage, summed over many requests."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from latprobe.analysis.coverage import explained_ns
from latprobe.analysis.cpu_time import measured_cpu
from latprobe.analysis.critical_path import critical_ns
from latprobe.analysis.requests import Requests, fetch_batches
from latprobe.analysis.self_time import carried_ns, self_ns
from latprobe.analysis.spans import Ints, Spans
from latprobe.analysis.tree import build_tree
from latprobe.store.query import Query

SLOW_QUANTILE = 0.95


@dataclass(slots=True)
class StagePath:
    """Sums over requests, in ns. `cpu_self_ns` and `cpu_base_ns`: see `measured_cpu`.

    `carried_ns`: its own time in which what carries its calls ran. `given_ns`: what of the critical
    path its spans were, but gave to the calls that they carry.
    """

    self_ns: int = 0
    critical_ns: int = 0
    critical_slow_ns: int = 0
    cpu_self_ns: int = 0
    cpu_base_ns: int = 0
    carried_ns: int = 0
    given_ns: int = 0


@dataclass(slots=True)
class RequestPaths:
    """What the critical paths of `traces` requests add up to. `*_slow_ns`: the slowest 5 %."""

    traces: int = 0
    wall_ns: int = 0
    wall_slow_ns: int = 0
    explained_ns: int = 0
    stages: dict[str, StagePath] = field(default_factory=dict)


def walk_requests(query: Query, requests: Requests) -> RequestPaths:
    """The sums over all spans of these requests; holds one batch in memory at a time."""
    paths = RequestPaths(traces=len(requests))
    slowest = slowest_5_percent(requests.duration_ns)
    slow_ids = {requests.trace_id[row] for row in np.flatnonzero(slowest).tolist()}
    for part, table in fetch_batches(query, requests):
        is_slow = np.fromiter((t in slow_ids for t in part.trace_id), np.bool_, len(part))
        add_batch(paths, table, np.ones(len(part)), is_slow)
    return paths


def slowest_5_percent(duration_ns: Ints) -> NDArray[np.bool_]:
    """Which requests are at or over the 95th percentile; at least one of any."""
    if len(duration_ns) == 0:
        return np.zeros(0, np.bool_)
    return np.asarray(duration_ns >= np.quantile(duration_ns, SLOW_QUANTILE))


def add_batch(
    paths: RequestPaths, table: pa.Table, weight: NDArray[np.float64], is_slow: NDArray[np.bool_]
) -> None:
    """Adds the table's requests, by `trace`: each as often as its weight says to all sums but
    `*_slow_ns`, what is slow to those, once each."""
    spans = Spans.from_table(table)
    if len(spans) == 0:
        return
    tree = build_tree(spans)
    own, waited = self_ns(spans, tree), critical_ns(spans, tree)
    critical = tree.credited(waited)
    cpu = measured_cpu(table, spans, tree, own)
    times, slow = weight[spans.trace], is_slow[spans.trace]
    wall = spans.duration_ns[tree.root]
    paths.wall_ns += int(_weighted(wall, times[tree.root]).sum())
    paths.wall_slow_ns += int(wall[slow[tree.root]].sum())
    paths.explained_ns += int(_weighted(explained_ns(spans, tree), times[tree.root]).sum())
    sums = [_by_name(_weighted(each, times), spans) for each in (own, critical, *cpu)]
    sums.append(_by_name(np.where(slow, critical, 0), spans))
    if len(tree.transport):
        given = np.where(critical < waited, waited, 0)
        carried = carried_ns(spans, tree)
        sums += [_by_name(_weighted(each, times), spans) for each in (carried, given)]
    for name, row in zip(spans.names, np.stack(sums, axis=1).tolist(), strict=True):
        _add(paths.stages.setdefault(name, StagePath()), *row)


def _add(
    stage: StagePath,
    own: int,
    critical: int,
    cpu_self: int,
    cpu_base: int,
    critical_slow: int,
    carried: int = 0,
    given: int = 0,
) -> None:
    stage.self_ns += own
    stage.critical_ns += critical
    stage.cpu_self_ns += cpu_self
    stage.cpu_base_ns += cpu_base
    stage.critical_slow_ns += critical_slow
    stage.carried_ns += carried
    stage.given_ns += given


def _weighted(values: Ints, times: NDArray[np.float64]) -> Ints:
    """To the ns; those that count once stay as they are, however many digits they have."""
    if np.all(times == 1.0):
        return values
    return np.rint(values * times).astype(np.int64)


def _by_name(values: Ints, spans: Spans) -> Ints:
    sums = np.zeros(len(spans.names), np.int64)
    np.add.at(sums, spans.name, values)
    return sums
