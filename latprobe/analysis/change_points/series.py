"""The durations of each stage, and of each template's calls, in the order of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from latprobe.analysis.intervals import Floats
from latprobe.analysis.scope import Scope
from latprobe.analysis.spans import Ints
from latprobe.store.query import Query

# Fewer spans of a stage have no history.
LEAST_SPANS = 100
# The stages that take most of the time; and of each so many spans, the latest.
_MOST_STAGES = 40
_MOST_SPANS = 200_000
# Points a series is cut into, and spans a point is made of at least: a p95 of fewer is a maximum.
_MOST_POINTS = 300
_LEAST_IN_POINT = {"p50": 5, "p95": 20}
_QUANTILE = {"p50": 0.5, "p95": 0.95}

Metric = Literal["p50", "p95"]


@dataclass(frozen=True, slots=True)
class History:
    """A stage's spans in one service and on one kind of device, by their start. `template`: only
    the calls of that template, else None. `service` is None where the scope holds only one."""

    stage: str
    service: str | None
    template: str | None
    start_ns: Ints
    duration_ns: Ints
    run_id: Ints

    def __len__(self) -> int:
        return len(self.start_ns)


@dataclass(frozen=True, slots=True)
class _Program:
    """Runs whose durations are compared with each other."""

    service: str | None
    runs: list[int]


@dataclass(frozen=True, slots=True)
class Points:
    """The logarithm of a percentile of consecutive spans; point i begins at row `first[i]`."""

    metric: Metric
    values: Floats
    first: Ints


def histories(query: Query, scope: Scope) -> Iterator[History]:
    """Each stage of each program with enough spans, those that take most time first, and its
    templates.

    Another program, or the same on another kind of device, is not a change of the stage.
    """
    where, parameters = scope.where()
    found = query(
        f"""WITH programs AS (
            SELECT r.run_id, r.service, coalesce(r.device, min(r.device) OVER of_service) AS device
            FROM runs r WINDOW of_service AS (PARTITION BY r.service))
        SELECT s.name, p.service, p.device, list(DISTINCT s.run_id::BIGINT) AS runs
        FROM spans s LEFT JOIN programs p ON p.run_id = s.run_id
        WHERE {where} GROUP BY s.name, p.service, p.device
        HAVING count(*) >= {LEAST_SPANS}
        ORDER BY sum(s.duration_ns) DESC, s.name, p.service, p.device LIMIT {_MOST_STAGES}""",
        parameters,
    ).to_pylist()
    is_mixed = len({row["service"] for row in found}) > 1
    for row in found:
        program = _Program(row["service"] if is_mixed else None, row["runs"])
        yield from _of_stage(query, replace(scope, stage=row["name"]), row["name"], program)


def _of_stage(query: Query, scope: Scope, stage: str, program: _Program) -> Iterator[History]:
    where, parameters = scope.where()
    where += f" AND s.run_id IN ({', '.join(map(str, program.runs))})"
    table = query(
        f"""WITH latest AS (
            SELECT s.trace_id, s.span_id, s.start_ns, greatest(s.duration_ns, 0) AS duration_ns,
                   s.run_id::BIGINT AS run_id
            FROM spans s WHERE {where} ORDER BY s.start_ns DESC LIMIT {_MOST_SPANS}),
        of_calls AS (
            SELECT u.trace_id, u.span_id, any_value(coalesce(t.name, u.template_id::VARCHAR)) AS t
            FROM usage u LEFT JOIN templates t ON t.template_id = u.template_id
            WHERE u.stage = ? GROUP BY u.trace_id, u.span_id)
        SELECT l.start_ns, l.duration_ns, l.run_id, c.t AS template FROM latest l
        LEFT JOIN of_calls c ON c.trace_id = l.trace_id AND c.span_id = l.span_id
        ORDER BY l.start_ns, l.span_id""",
        [*parameters, stage],
    )
    columns = [
        np.asarray(table[name].to_numpy()).astype(np.int64, copy=False)
        for name in ("start_ns", "duration_ns", "run_id")
    ]
    yield History(stage, program.service, None, *columns)
    templates = np.array([each or "" for each in table["template"].to_pylist()], dtype=object)
    names, counts = np.unique(templates.astype(str), return_counts=True)
    for name, count in zip(names.tolist(), counts.tolist(), strict=True):
        if name and LEAST_SPANS <= count < len(templates):
            rows = np.flatnonzero(templates == name)
            yield History(stage, program.service, name, *(column[rows] for column in columns))


def points(history: History, metric: Metric) -> Points:
    """The history as at most 300 points of equally many spans each."""
    count = len(history)
    size = max(_LEAST_IN_POINT[metric], -(-count // _MOST_POINTS))
    number = count // size
    first = np.arange(number) * count // max(number, 1)
    ends = np.append(first[1:], count)
    logs = np.log(np.maximum(history.duration_ns, 1).astype(np.float64))
    quantile = _QUANTILE[metric]
    values = [
        float(np.quantile(logs[a:b], quantile))
        for a, b in zip(first.tolist(), ends.tolist(), strict=True)
    ]
    return Points(metric, np.array(values), first.astype(np.int64))
