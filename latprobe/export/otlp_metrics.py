"""What a span of time adds to the metrics, as an OTLP request: histograms of calls and stages, and
the last reading of each GPU.

DuckDB counts the buckets, so that a request costs a scan of a few columns and no Python per span.
Histograms are deltas. Names and bounds are those that opentelemetry-util-genai 1.3b0 emits, but for
`latprobe.stage.duration`, whose bounds are the Prometheus page's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_DELTA,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ScopeMetrics,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from latprobe.export.otlp import key_values
from latprobe.export.prometheus import OCTAVES
from latprobe.store.query import Query
from latprobe.version import VERSION

DURATION_BOUNDS_NS = tuple(10_000_000 << power for power in range(14))
TOKEN_BOUNDS = tuple(4**power for power in range(14))
STAGE_BOUNDS_NS = tuple(2**octave for octave in OCTAVES)

# What stands for the host's readings, which belong to no recorded program.
HOST_SERVICE = "latprobe"


# Service, version and host.
_Key = tuple[str | None, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Interval:
    """Ingested batches after `after_seq` up to `through_seq`, samples after `start_ns` up to
    `end_ns`; the histograms' points carry these times."""

    after_seq: int
    through_seq: int
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class _Measure:
    """A histogram: `value` and `attributes` are SQL over `spans`, `bounds` in the value's unit,
    of which `scale` make one `unit`. `fixed` are attributes that are the same in every row."""

    name: str
    unit: str
    text: str
    value: str
    scale: float
    bounds: tuple[int, ...]
    attributes: Mapping[str, str]
    where: str = "TRUE"
    fixed: tuple[tuple[str, str], ...] = ()


_CALL = {
    "gen_ai.operation.name": "s.operation",
    "gen_ai.provider.name": "s.provider",
    "gen_ai.request.model": "s.model",
}
_ERROR = "coalesce(s.error_type, CASE WHEN s.status = 'error' THEN '_OTHER' END)"


def _tokens(kind: str) -> _Measure:
    return _Measure(
        "gen_ai.client.token.usage",
        "{token}",
        "Tokens of a call; cached input and reasoning are counted in.",
        f"s.{kind}_tokens",
        1,
        TOKEN_BOUNDS,
        _CALL,
        fixed=(("gen_ai.token.type", kind),),
    )


_MEASURES = (
    _Measure(
        "gen_ai.client.operation.duration",
        "s",
        "How long a call took.",
        "s.duration_ns",
        1e9,
        DURATION_BOUNDS_NS,
        {**_CALL, "error.type": _ERROR},
        where="coalesce(s.operation, s.model) IS NOT NULL",
    ),
    _Measure(
        "gen_ai.client.operation.time_to_first_chunk",
        "s",
        "How long a call waited for the first piece of its answer.",
        "s.ttft_ns",
        1e9,
        DURATION_BOUNDS_NS,
        _CALL,
    ),
    _tokens("input"),
    _tokens("output"),
    _Measure(
        "latprobe.stage.duration",
        "s",
        "How long a stage took.",
        "s.duration_ns",
        1e9,
        STAGE_BOUNDS_NS,
        {"latprobe.stage.name": "s.name"},
    ),
)

# Names, units and how many of ours make one; docs/otlp-export.md says what NVML's memory
# utilization is, and why it is not hw.gpu.memory.utilization.
_GAUGES = {
    "gpu.utilization_pct": ("hw.gpu.utilization", "1", 100.0),
    "gpu.memory_utilization_pct": ("hw.gpu.memory.controller.utilization", "1", 100.0),
    "gpu.memory_used_bytes": ("hw.gpu.memory.usage", "By", 1.0),
    "gpu.power_mw": ("hw.gpu.power.draw", "W", 1000.0),
}
_READINGS = """
SELECT device, metric, arg_max(value, time_ns) AS value, max(time_ns) AS time_ns FROM samples
WHERE starts_with(metric, 'gpu.') AND pid IS NULL AND time_ns > ? AND time_ns <= ?
GROUP BY ALL ORDER BY metric, device
"""


def metrics_request(query: Query, interval: Interval, *, host: str) -> ExportMetricsServiceRequest:
    """What the interval adds; without resources when that is nothing. `host` has the GPUs."""
    request = _Request()
    has_spans = interval.through_seq > interval.after_seq
    for measure in _MEASURES if has_spans else ():
        for row in _rows(query, measure, interval):
            metric = request.metric(_resource(row), measure.name, measure.unit, measure.text)
            metric.histogram.aggregation_temporality = AGGREGATION_TEMPORALITY_DELTA
            metric.histogram.data_points.append(_histogram_point(measure, row, interval))
    for row in query(_READINGS, [interval.start_ns, interval.end_ns]).to_pylist():
        if row["metric"] in _GAUGES:
            name, unit, scale = _GAUGES[row["metric"]]
            metric = request.metric((HOST_SERVICE, None, host), name, unit, "")
            metric.gauge.data_points.append(
                NumberDataPoint(
                    time_unix_nano=row["time_ns"],
                    as_double=row["value"] / scale,
                    attributes=key_values(_said({"hw.id": row["device"]})),
                )
            )
    return request.message


class _Request:
    """A request that grows: a resource for each service, version and host."""

    def __init__(self) -> None:
        self.message = ExportMetricsServiceRequest()
        self._scopes: dict[_Key, ScopeMetrics] = {}
        self._metrics: dict[tuple[_Key, str], Metric] = {}

    def metric(self, resource: _Key, name: str, unit: str, text: str) -> Metric:
        """The metric of that name, which is there once in a resource."""
        metric = self._metrics.get((resource, name))
        if metric is None:
            metric = self._scope(resource).metrics.add(name=name, unit=unit, description=text)
            self._metrics[resource, name] = metric
        return metric

    def _scope(self, key: _Key) -> ScopeMetrics:
        if key not in self._scopes:
            named = zip(("service.name", "service.version", "host.name"), key, strict=True)
            resource = Resource(attributes=key_values(_said(dict(named))))
            self._scopes[key] = self.message.resource_metrics.add(
                resource=resource
            ).scope_metrics.add(scope=InstrumentationScope(name="latprobe", version=VERSION))
        return self._scopes[key]


def _rows(query: Query, measure: _Measure, interval: Interval) -> Sequence[dict[str, Any]]:
    """A row for each resource and set of attributes, with its buckets."""
    keys = [f'{sql} AS "{name}"' for name, sql in measure.attributes.items()]
    bounds = ", ".join(map(str, measure.bounds))
    rows: list[dict[str, Any]] = query(
        f"SELECT r.service, r.version, r.host, {', '.join(keys)}, "
        f"map_values(histogram({measure.value}, [{bounds}]::BIGINT[])) AS counts, "
        f"sum({measure.value})::DOUBLE AS total, "
        f"min({measure.value}) AS least, max({measure.value}) AS most "
        "FROM spans s LEFT JOIN runs r USING (run_id) "
        f"WHERE s.ingest_seq > ? AND s.ingest_seq <= ? AND {measure.value} IS NOT NULL "
        f"AND {measure.where} GROUP BY ALL "
        f"ORDER BY {', '.join(map(str, range(1, 4 + len(keys))))}",
        [interval.after_seq, interval.through_seq],
    ).to_pylist()
    return rows


def _histogram_point(
    measure: _Measure, row: Mapping[str, Any], interval: Interval
) -> HistogramDataPoint:
    """DuckDB's bins include their upper bound, as OTLP's do; it leaves the last one out when it
    is empty."""
    counts = [*row["counts"], 0][: len(measure.bounds) + 1]
    said = {name: row[name] for name in measure.attributes} | dict(measure.fixed)
    return HistogramDataPoint(
        start_time_unix_nano=interval.start_ns,
        time_unix_nano=interval.end_ns,
        count=sum(counts),
        sum=row["total"] / measure.scale,
        min=row["least"] / measure.scale,
        max=row["most"] / measure.scale,
        bucket_counts=counts,
        explicit_bounds=[bound / measure.scale for bound in measure.bounds],
        attributes=key_values(_said(said)),
    )


def _resource(row: Mapping[str, Any]) -> _Key:
    return row["service"], row["version"], row["host"]


def _said(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value is not None}
