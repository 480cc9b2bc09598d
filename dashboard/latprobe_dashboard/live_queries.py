"""The last minute of a running pipeline: figures, host load, newest requests."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from latprobe.analysis.root_table import Mask, ints
from latprobe.analysis.roots import IS_INNER
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.analysis.spans import Ints
from latprobe.store.query import Query

WINDOW_NS = 60_000_000_000
STEP_NS = 2_000_000_000
NEWEST = 20
# A request that has run for longer is not "live".
LONGEST_NS = 600_000_000_000


@dataclass(frozen=True, slots=True)
class PulsePoint:
    """One two-second step."""

    time_ns: int
    requests: int
    errors: int
    p50_ms: float | None
    p95_ms: float | None


@dataclass(frozen=True, slots=True)
class HostPoint:
    """A host metric at a time."""

    time_ns: int
    metric: str
    value: float


@dataclass(frozen=True, slots=True)
class NewRequest:
    """A request that ended lately."""

    trace_id: str
    name: str
    service: str
    start_ns: int
    duration_ms: float
    status: str


@dataclass(frozen=True, slots=True)
class RunningRequest:
    """A request of which stages have ended and the root has not. `begun_ns` is its first known
    start, `heard_ns` the end of `last_stage`, the latest of `spans`."""

    trace_id: str
    service: str | None
    begun_ns: int
    heard_ns: int
    last_stage: str
    spans: int


@dataclass(frozen=True, slots=True)
class Pulse:
    """What the live page shows. `rate_per_s` counts requests that ended in the last minute.

    `running` are requests that were heard of in the last minute, the longest first. A journal has
    what ended: a request is not among them before its first stage has ended.
    """

    points: tuple[PulsePoint, ...]
    host: tuple[HostPoint, ...]
    newest: tuple[NewRequest, ...]
    running: tuple[RunningRequest, ...]
    requests: int
    errors: int
    p50_ms: float | None
    p95_ms: float | None
    last_end_ns: int | None

    @property
    def rate_per_s(self) -> float:
        return self.requests / (WINDOW_NS / 1e9)


@dataclass(frozen=True, slots=True)
class _Asked:
    """The requests that are looked at, as SQL over `s` and its parameters."""

    where: str
    parameters: list[object]


def read_pulse(query: Query, now_ns: int, scope: Scope = EVERYTHING) -> Pulse:
    """Everything the live page shows of the scope's requests, in three queries; in a fourth the
    newest requests where the last minute has too few.

    The scope's window is not looked at: it is the last minute. `host` is the host's, whoever's
    requests keep it busy.
    """
    since = now_ns - WINDOW_NS
    where, parameters = replace(scope, from_ns=None, to_ns=None).where()
    asked = _Asked(where, parameters)
    recent = _recent(query, asked, since)
    newest = _newest(query, asked, recent, since)
    ended = _ended(recent, now_ns)
    p50_ms, p95_ms = _middle_and_high(ended.duration_ns)
    return Pulse(
        points=_points(ended, since, now_ns),
        host=_host(query, since),
        newest=newest,
        running=_running(query, asked, since),
        requests=len(ended.duration_ns),
        errors=int(ended.is_error.sum()),
        p50_ms=p50_ms,
        p95_ms=p95_ms,
        last_end_ns=max((r.start_ns + int(r.duration_ms * 1e6) for r in newest), default=None),
    )


@dataclass(frozen=True, slots=True)
class _Ended:
    """When the requests of the last minute ended, how long they took and which failed."""

    end_ns: Ints
    duration_ns: Ints
    is_error: Mask


def _ended(recent: pa.Table, now_ns: int) -> _Ended:
    duration_ns = ints(recent["duration_ns"])
    end_ns = ints(recent["start_ns"]) + duration_ns
    is_error = np.asarray(recent["status"].to_numpy() == "error")
    is_in = end_ns < now_ns
    return _Ended(end_ns[is_in], duration_ns[is_in], is_error[is_in])


_REQUEST = """
    replace(s.trace_id::VARCHAR, '-', '') AS trace_id, s.name, r.service, s.start_ns, s.duration_ns,
    s.status
"""


def _recent(query: Query, asked: _Asked, since: int) -> pa.Table:
    """The requests that ended in the last minute or, by a clock that is ahead, will.

    A request belongs to the moment it ended. start_ns narrows the scan first: the table is ordered
    by it, and a request of over ten minutes is not "live".
    """
    return query(
        f"""
        SELECT {_REQUEST} FROM spans s LEFT JOIN runs r ON r.run_id = s.run_id
        WHERE s.parent_span_id IS NULL AND s.start_ns >= ? AND s.start_ns + s.duration_ns >= ?
         AND {asked.where}
        """,
        [since - LONGEST_NS, since, *asked.parameters],
    )


def _points(ended: _Ended, since: int, now_ns: int) -> tuple[PulsePoint, ...]:
    first = (since // STEP_NS + 1) * STEP_NS
    steps = range(first, now_ns // STEP_NS * STEP_NS, STEP_NS)
    place = (ended.end_ns - first) // STEP_NS
    order = np.argsort(place, kind="stable")
    bounds = np.searchsorted(place[order], np.arange(len(steps) + 1))
    return tuple(
        _point(step, ended, order[begin:end])
        for step, begin, end in zip(steps, bounds[:-1], bounds[1:], strict=True)
    )


def _point(step: int, ended: _Ended, rows: Ints) -> PulsePoint:
    p50_ms, p95_ms = _middle_and_high(ended.duration_ns[rows])
    return PulsePoint(step, len(rows), int(ended.is_error[rows].sum()), p50_ms, p95_ms)


def _middle_and_high(duration_ns: Ints) -> tuple[float | None, float | None]:
    if not len(duration_ns):
        return None, None
    middle, high = (np.quantile(duration_ns, [0.5, 0.95]) / 1e6).tolist()
    return middle, high


def _host(query: Query, since: int) -> tuple[HostPoint, ...]:
    rows = query(
        "SELECT time_ns, metric, value FROM samples"
        " WHERE source = 'host' AND pid IS NULL AND time_ns >= ? ORDER BY time_ns",
        [since],
    ).to_pylist()
    return tuple(HostPoint(**row) for row in rows)


def _newest(query: Query, asked: _Asked, recent: pa.Table, since: int) -> tuple[NewRequest, ...]:
    """The requests that began last: among the recent ones where enough of these began in the last
    minute, for all others began before."""
    if np.count_nonzero(ints(recent["start_ns"]) >= since) < NEWEST:
        recent = query(
            f"""
            SELECT {_REQUEST}
            FROM (SELECT * FROM spans s WHERE s.parent_span_id IS NULL AND {asked.where}
                  ORDER BY s.start_ns DESC LIMIT ?) s LEFT JOIN runs r ON r.run_id = s.run_id
            """,
            [*asked.parameters, NEWEST],
        )
    order = pc.sort_indices(recent, sort_keys=[("start_ns", "descending")])
    return tuple(
        NewRequest(duration_ms=row.pop("duration_ns") / 1e6, **row)
        for row in recent.take(order[:NEWEST]).to_pylist()
    )


def _running(query: Query, asked: _Asked, since: int) -> tuple[RunningRequest, ...]:
    """Few requests run, so those that were heard of and are not over are found first, by the spans
    of the last minutes: their own spans are looked at then."""
    over = f"SELECT s.trace_id FROM spans s WHERE NOT {IS_INNER}"
    rows = query(
        f"""
        WITH heard AS MATERIALIZED (
            SELECT DISTINCT s.trace_id FROM spans s
            WHERE s.start_ns >= ? AND s.start_ns + s.duration_ns >= ? AND {IS_INNER}
             AND {asked.where} AND s.trace_id NOT IN ({over} AND s.start_ns >= ?)
        )
        SELECT replace(s.trace_id::VARCHAR, '-', '') AS trace_id,
               any_value(r.service) AS service, min(s.start_ns) AS begun_ns,
               max(s.start_ns + s.duration_ns) AS heard_ns,
               arg_max(s.name, s.start_ns + s.duration_ns) AS last_stage, count(*) AS spans
        FROM spans s LEFT JOIN runs r ON r.run_id = s.run_id
        WHERE s.trace_id IN (SELECT trace_id FROM heard) AND s.start_ns >= ? AND {asked.where}
         AND s.trace_id NOT IN ({over} AND s.trace_id IN (SELECT trace_id FROM heard))
        GROUP BY s.trace_id ORDER BY begun_ns LIMIT {NEWEST}
        """,
        [
            *(since - LONGEST_NS, since),
            *asked.parameters,
            *(since - LONGEST_NS, since - LONGEST_NS),
            *asked.parameters,
        ],
    ).to_pylist()
    return tuple(RunningRequest(**row) for row in rows)
