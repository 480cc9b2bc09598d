"""What the serving engines were doing while the stages called them.

An engine's samples have the address it is called at ("host:port"), calls have `server.address` and
`server.port`. A sample is about the time since the one before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from latprobe.analysis.scope import Scope
from latprobe.analysis.spans import Ints
from latprobe.store.query import Query

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]

QUEUE_DEPTH = "engine.queue_depth"
# How often an engine is read; a much longer pause is about no time that is known.
USUAL_PAUSE_NS = 5_000_000_000
LONGEST_PAUSE_NS = 16_000_000_000
MARGIN_NS = 30_000_000_000
# Names of this machine; a port is left out of a span where it is the scheme's own.
_HERE = ("localhost", "::1", "0.0.0.0", "")
_USUAL_PORTS = (80, 443)


@dataclass(frozen=True, slots=True)
class EngineStage:
    """One stage's calls to one engine.

    `calls` made, `seen` of them while the engine was read. `means` are its figures during those
    calls, each call counting the same: engine.queue_depth, engine.queue_ns_mean, and whatever else
    the engine tells, by metric. `queue_depth_max` is the most that was seen, None if not told.
    """

    engine: str
    address: str
    stage: str
    model: str | None
    calls: int
    seen: int
    means: dict[str, float]
    queue_depth_max: float | None


def engine_stages(query: Query, scope: Scope) -> tuple[EngineStage, ...]:
    """By engine, then by number of calls; empty when no engine was read."""
    series = _engine_series(query, scope)
    if not series:
        return ()
    rows = [
        _stage(address, calls, series[address])
        for address, calls in _calls(query, scope, frozenset(series))
    ]
    return tuple(sorted(rows, key=lambda row: (row.engine, row.address, -row.calls, row.stage)))


def address_of(host: str | None, port: int | None) -> tuple[str, ...]:
    """The ways to write where a call went, all names of this machine as one."""
    name = (host or "").strip("[]").lower()
    if name in _HERE or name.startswith("127."):
        name = "127.0.0.1"
    return tuple(f"{name}:{each}" for each in ((port,) if port else _USUAL_PORTS))


@dataclass(frozen=True, slots=True)
class _Series:
    """One metric of one engine over time: `value` held from `start_ns` to `end_ns`."""

    start_ns: Ints
    end_ns: Ints
    value: Floats

    def means(self, start_ns: Ints, end_ns: Ints) -> Floats:
        """The mean over each interval, as far as it is covered; NaN where it is not at all."""
        known = self._until(end_ns, None) - self._until(start_ns, None)
        total = self._until(end_ns, self.value) - self._until(start_ns, self.value)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(known > 0, total / known, np.nan), np.float64)

    def most(self, start_ns: Ints, end_ns: Ints) -> float | None:
        """The largest value that held during any of the intervals."""
        first = np.searchsorted(self.end_ns, start_ns, side="right")
        last = np.searchsorted(self.start_ns, end_ns, side="left")
        tops = [float(self.value[a:b].max()) for a, b in zip(first, last, strict=True) if b > a]
        return max(tops, default=None)

    def _until(self, at_ns: Ints, value: Floats | None) -> Floats:
        """Integral of the value (of 1 without one) up to each time, over what is covered."""
        length = (self.end_ns - self.start_ns).astype(np.float64)
        weight = length if value is None else length * value
        before = np.concatenate(([0.0], np.cumsum(weight)))
        row = np.searchsorted(self.end_ns, at_ns, side="right")
        inside = np.minimum(row, len(self.end_ns) - 1)
        part = np.clip(at_ns - self.start_ns[inside], 0, None).astype(np.float64)
        part = np.where(row < len(self.end_ns), part, 0.0)
        return np.asarray(
            before[row] + part * (1.0 if value is None else value[inside]), np.float64
        )


@dataclass(frozen=True, slots=True)
class _Engine:
    name: str
    metrics: dict[str, _Series]


@dataclass(frozen=True, slots=True)
class _Calls:
    stage: str
    model: str | None
    start_ns: Ints
    end_ns: Ints


def _engine_series(query: Query, scope: Scope) -> dict[str, _Engine]:
    """Address to engine, for the time of the scope's spans."""
    where, parameters = scope.where()
    table = query(
        f"""
        WITH seen AS (SELECT min(s.start_ns) AS first, max(s.start_ns + s.duration_ns) AS last
                      FROM spans s WHERE {where})
        SELECT source, device, metric, time_ns, value FROM samples, seen
        WHERE starts_with(metric, 'engine.') AND device IS NOT NULL
          AND time_ns BETWEEN first - {MARGIN_NS} AND last + {MARGIN_NS}
        ORDER BY device, source, metric, time_ns""",
        parameters,
    )
    times, values = _ints(table, "time_ns"), _floats(table, "value")
    keys = list(
        zip(*(table[name].to_pylist() for name in ("device", "source", "metric")), strict=True)
    )
    found: dict[str, _Engine] = {}
    for start, end in _blocks(keys):
        device, source, metric = keys[start]
        host, _, port = device.rpartition(":")
        series = _series(times[start:end], values[start:end])
        if series is not None:
            (address,) = address_of(host, int(port) if port.isdigit() else 80)
            engine = found.setdefault(address, _Engine(source, {}))
            engine.metrics[metric] = series
    return found


def _series(times: Ints, values: Floats) -> _Series | None:
    """Each value from the reading before it on; the first is about the time just before it."""
    keep = np.append(True, np.diff(times) > 0)
    times, values = times[keep], values[keep]
    usual = int(np.median(np.diff(times))) if len(times) > 1 else USUAL_PAUSE_NS
    start = np.concatenate(([times[0] - min(usual, LONGEST_PAUSE_NS)], times[:-1]))
    near = (times - start <= LONGEST_PAUSE_NS) & (times > start)
    if not near.any():
        return None
    return _Series(start[near], times[near], values[near])


def _calls(query: Query, scope: Scope, addresses: frozenset[str]) -> list[tuple[str, _Calls]]:
    """The calls to these addresses by stage and model. Of a call inside another to the same host
    (an HTTP request inside a model call) only the outer one counts."""
    where, parameters = scope.where()
    table = query(
        f"""
        WITH called AS (
            SELECT s.trace_id, s.span_id, s.parent_span_id, s.name, s.model, s.start_ns,
                   s.duration_ns,
                   coalesce(json_extract_string(s.attributes, '$."server.address"'),
                            json_extract_string(s.attributes, '$."net.peer.name"')) AS host,
                   try_cast(coalesce(json_extract_string(s.attributes, '$."server.port"'),
                                     json_extract_string(s.attributes, '$."net.peer.port"'))
                            AS INTEGER) AS port
            FROM spans s
            WHERE {where} AND s.kind <> 'server'
              AND (s.attributes::VARCHAR LIKE '%server.address%'
                   OR s.attributes::VARCHAR LIKE '%net.peer.name%')
        )
        SELECT c.name, c.model, c.host, c.port, c.start_ns, c.duration_ns FROM called c
        LEFT JOIN called outer_call
          ON outer_call.trace_id = c.trace_id AND outer_call.span_id = c.parent_span_id
         AND outer_call.host = c.host
        WHERE outer_call.span_id IS NULL AND c.host IS NOT NULL
        ORDER BY c.name, c.model, c.host, c.port, c.start_ns""",
        parameters,
    )
    start = _ints(table, "start_ns")
    # A call of no length is still at some time.
    end = start + np.maximum(_ints(table, "duration_ns"), 1)
    columns = (table[name].to_pylist() for name in ("name", "model", "host", "port"))
    keys = list(zip(*columns, strict=True))
    found: list[tuple[str, _Calls]] = []
    for first, last in _blocks(keys):
        stage, model, host, port = keys[first]
        to = next((a for a in address_of(host, port) if a in addresses), None)
        if to is not None:
            found.append((to, _Calls(stage, model, start[first:last], end[first:last])))
    return found


def _stage(address: str, calls: _Calls, engine: _Engine) -> EngineStage:
    means: dict[str, float] = {}
    seen = np.zeros(len(calls.start_ns), np.bool_)
    for metric, series in engine.metrics.items():
        during = series.means(calls.start_ns, calls.end_ns)
        known = np.isfinite(during)
        seen |= known
        if known.any():
            means[metric] = float(during[known].mean())
    depth = engine.metrics.get(QUEUE_DEPTH)
    return EngineStage(
        engine=engine.name,
        address=address,
        stage=calls.stage,
        model=calls.model,
        calls=len(calls.start_ns),
        seen=int(seen.sum()),
        means=means,
        queue_depth_max=None if depth is None else depth.most(calls.start_ns, calls.end_ns),
    )


def _blocks(keys: Sequence[object]) -> list[tuple[int, int]]:
    """Ranges of equal neighbours."""
    cuts = [n for n in range(1, len(keys)) if keys[n] != keys[n - 1]]
    return list(zip([0, *cuts], [*cuts, len(keys)], strict=True)) if keys else []


def _ints(table: pa.Table, name: str) -> Ints:
    return np.asarray(table[name].to_numpy()).astype(np.int64, copy=False)


def _floats(table: pa.Table, name: str) -> Floats:
    return np.asarray(table[name].to_numpy()).astype(np.float64, copy=False)
