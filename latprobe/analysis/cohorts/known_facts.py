"""What the store knows of each unit by itself: tokens, templates, runs, the GPU, the load."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from latprobe.analysis.cohorts.attributes import Attribute, category, number
from latprobe.analysis.cohorts.load import arrival_rate
from latprobe.analysis.cohorts.units import Source, Units
from latprobe.analysis.intervals import Floats
from latprobe.store.query import Query

_HOUR_NS = 3_600_000_000_000
# Stages whose number of runs differs between requests: retries, fan-out, what runs sometimes.
_MOST_STAGES = 12


def known_facts(query: Query, source: Source, units: Units) -> Iterator[Attribute | None]:
    """Each attribute; None where it does not tell units apart."""
    yield from _when(units)
    yield from _of_runs(query, units)
    yield from _of_spans(query, source, units)
    yield from _of_usage(query, source, units)
    yield from _of_gpu(query, source, units)
    if not source.is_stage:
        yield from _stage_counts(query, source, units)


def _when(units: Units) -> Iterator[Attribute | None]:
    yield arrival_rate(units.start_ns)
    hours = (units.start_ns // _HOUR_NS % 24).tolist()
    yield category("hour (UTC)", [f"{hour:02d}" for hour in hours])
    yield category("request", units.name)


def _of_runs(query: Query, units: Units) -> Iterator[Attribute | None]:
    rows = query(
        "SELECT r.run_id, r.service, r.version, r.git_commit, r.host, r.device, r.python "
        "FROM runs r"
    ).to_pylist()
    by_run = {row["run_id"]: row for row in rows}
    nothing: dict[str, Any] = {}
    for column in ("service", "version", "git_commit", "host", "device", "python"):
        values = {run: by_run.get(run, nothing).get(column) for run in set(units.run_id.tolist())}
        yield category(column.replace("_", " "), [values[run] for run in units.run_id.tolist()])
    yield category("run", [str(run) for run in units.run_id.tolist()])


def _of_spans(query: Query, source: Source, units: Units) -> Iterator[Attribute | None]:
    table = query(
        f"""{source.ctes} SELECT {source.key} AS key,
            max(s.queue_ns) / 1e6 AS queue_ms, any_value(s.pid)::VARCHAR AS pid,
            CASE WHEN min(s.model) = max(s.model) THEN min(s.model) END AS model,
            CASE WHEN bool_or(s.status = 'error') THEN 'yes' ELSE 'no' END AS error,
            max(s.error_type) AS error_type
        FROM spans s WHERE {source.inside} GROUP BY {source.group}""",
        source.parameters,
    )
    rows = units.aligned(table)
    yield number("queue time (ms)", _floats(table, "queue_ms", rows))
    yield category("process", _texts(table, "pid", rows))
    yield category("model", _texts(table, "model", rows))
    yield category("error", _texts(table, "error", rows))
    yield category("error type", _texts(table, "error_type", rows))


def _of_usage(query: Query, source: Source, units: Units) -> Iterator[Attribute | None]:
    table = query(
        f"""{source.ctes} SELECT {source.key} AS key,
            sum(s.input_tokens)::DOUBLE AS input_tokens,
            sum(s.output_tokens)::DOUBLE AS output_tokens,
            sum(s.reasoning_tokens)::DOUBLE AS reasoning_tokens,
            sum(s.image_input_tokens)::DOUBLE AS image_tokens,
            sum(s.audio_input_tokens)::DOUBLE AS audio_tokens,
            sum(s.cache_read_tokens) / nullif(sum(s.input_tokens), 0) AS cached_share,
            CASE WHEN sum(s.cache_read_tokens) > 0 THEN 'yes'
                 WHEN sum(s.cache_read_tokens) = 0 THEN 'no' END AS cache_hit,
            sum(s.tools_offered)::DOUBLE AS tools_offered,
            sum(s.tools_called)::DOUBLE AS tools_called,
            CASE WHEN bool_or(s.stops_early) THEN 'yes' ELSE 'no' END AS stops_early,
            string_agg(DISTINCT coalesce(t.name, s.template_id::VARCHAR), ' + '
                       ORDER BY coalesce(t.name, s.template_id::VARCHAR)) AS template
        FROM usage s LEFT JOIN templates t ON t.template_id = s.template_id
        WHERE {source.inside} GROUP BY {source.group}""",
        source.parameters,
    )
    rows = units.aligned(table)
    numbers = {
        "input tokens": "input_tokens",
        "output tokens": "output_tokens",
        "reasoning tokens": "reasoning_tokens",
        "image tokens": "image_tokens",
        "audio tokens": "audio_tokens",
        "cached share of the input": "cached_share",
        "tools offered": "tools_offered",
        "tools called": "tools_called",
    }
    for name, column in numbers.items():
        yield number(name, _floats(table, column, rows))
    yield category("provider's cache hit", _texts(table, "cache_hit", rows))
    yield category("stopped by a token limit", _texts(table, "stops_early", rows))
    yield category("template", _texts(table, "template", rows))


def _of_gpu(query: Query, source: Source, units: Units) -> Iterator[Attribute | None]:
    table = query(
        f"""{source.ctes} SELECT {source.key} AS key, min(s.device) AS device,
            CASE WHEN bool_or(s.is_cold) THEN 'yes' ELSE 'no' END AS cold,
            (sum(s.h2d_bytes) + sum(s.d2h_bytes))::DOUBLE AS copied
        FROM gpu_spans s WHERE {source.inside} GROUP BY {source.group}""",
        source.parameters,
    )
    rows = units.aligned(table)
    yield category("GPU", _texts(table, "device", rows))
    yield category("cold start", _texts(table, "cold", rows))
    yield number("bytes copied to and from the GPU", _floats(table, "copied", rows))


def _stage_counts(query: Query, source: Source, units: Units) -> Iterator[Attribute | None]:
    counted = f"""{source.ctes}, counts AS (
        SELECT s.trace_id, s.name, count(*) AS runs FROM spans s
        WHERE {source.inside} GROUP BY s.trace_id, s.name)"""
    stages = query(
        f"""{counted} SELECT name FROM counts GROUP BY name
            HAVING min(runs) < max(runs) OR count(*) < (SELECT count(*) FROM units)
            ORDER BY count(*) DESC, name LIMIT {_MOST_STAGES}""",
        source.parameters,
    )["name"].to_pylist()
    if not stages:
        return
    columns = ", ".join(
        f"coalesce(sum(runs) FILTER (name = ?), 0)::DOUBLE AS c{place}"
        for place in range(len(stages))
    )
    table = query(
        f"{counted} SELECT trace_id::VARCHAR AS key, {columns} FROM counts GROUP BY trace_id",
        [*source.parameters, *stages],
    )
    rows = units.aligned(table)
    for place, stage in enumerate(stages):
        yield number(f"runs of {stage}", _floats(table, f"c{place}", rows))


def _floats(table: pa.Table, column: str, rows: Any) -> Floats:
    values = np.asarray(table[column].to_numpy()).astype(np.float64)
    if not len(values):
        return np.full(len(rows), np.nan)
    return np.asarray(np.where(rows >= 0, values[rows], np.nan))


def _texts(table: pa.Table, column: str, rows: Any) -> Sequence[str | None]:
    values = table[column].to_pylist()
    return [values[row] if row >= 0 else None for row in rows.tolist()]
