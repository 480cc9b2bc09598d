"""The last minute of a running pipeline: figures, host load, newest requests."""

from __future__ import annotations

from dataclasses import dataclass, replace

from latprobe.analysis.roots import IS_INNER
from latprobe.analysis.scope import EVERYTHING, Scope
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
    """Everything the live page shows of the scope's requests, in five queries.

    The scope's window is not looked at: it is the last minute. `host` is the host's, whoever's
    requests keep it busy.
    """
    since = now_ns - WINDOW_NS
    where, parameters = replace(scope, from_ns=None, to_ns=None).where()
    asked = _Asked(where, parameters)
    recent = _recent(asked, since, now_ns)
    totals = query(
        "SELECT count(*) AS requests, count(*) FILTER (s.status = 'error') AS errors,"
        " quantile_cont(s.duration_ns, 0.5) / 1e6 AS p50_ms,"
        f" quantile_cont(s.duration_ns, 0.95) / 1e6 AS p95_ms {recent.where}",
        recent.parameters,
    ).to_pylist()[0]
    newest = _newest(query, asked)
    return Pulse(
        points=_points(query, recent, since, now_ns),
        host=_host(query, since),
        newest=newest,
        running=_running(query, asked, since),
        last_end_ns=max((r.start_ns + int(r.duration_ms * 1e6) for r in newest), default=None),
        **totals,
    )


def _recent(asked: _Asked, since: int, now_ns: int) -> _Asked:
    """A request belongs to the moment it ended. start_ns narrows the scan first: the table is
    ordered by it, and a request of over ten minutes is not "live"."""
    return _Asked(
        f"""
        FROM spans s WHERE s.parent_span_id IS NULL
         AND s.start_ns >= ? - {LONGEST_NS}
         AND s.start_ns + s.duration_ns >= ? AND s.start_ns + s.duration_ns < ?
         AND {asked.where}
        """,
        [since, since, now_ns, *asked.parameters],
    )


def _points(query: Query, recent: _Asked, since: int, now_ns: int) -> tuple[PulsePoint, ...]:
    rows = query(
        f"""
        SELECT ((s.start_ns + s.duration_ns) // {STEP_NS} * {STEP_NS})::BIGINT AS time_ns,
               count(*) AS requests, count(*) FILTER (s.status = 'error') AS errors,
               quantile_cont(s.duration_ns, 0.5) / 1e6 AS p50_ms,
               quantile_cont(s.duration_ns, 0.95) / 1e6 AS p95_ms
        {recent.where} GROUP BY 1
        """,
        recent.parameters,
    ).to_pylist()
    found = {row["time_ns"]: PulsePoint(**row) for row in rows}
    first = (since // STEP_NS + 1) * STEP_NS
    steps = range(first, now_ns // STEP_NS * STEP_NS, STEP_NS)
    return tuple(found.get(step, PulsePoint(step, 0, 0, None, None)) for step in steps)


def _host(query: Query, since: int) -> tuple[HostPoint, ...]:
    rows = query(
        "SELECT time_ns, metric, value FROM samples"
        " WHERE source = 'host' AND pid IS NULL AND time_ns >= ? ORDER BY time_ns",
        [since],
    ).to_pylist()
    return tuple(HostPoint(**row) for row in rows)


def _newest(query: Query, asked: _Asked) -> tuple[NewRequest, ...]:
    rows = query(
        f"""
        SELECT replace(s.trace_id::VARCHAR, '-', '') AS trace_id, s.name AS name,
               r.service AS service, s.start_ns AS start_ns, s.duration_ns / 1e6 AS duration_ms,
               s.status AS status
        FROM (SELECT * FROM spans s WHERE s.parent_span_id IS NULL AND {asked.where}
              ORDER BY s.start_ns DESC LIMIT ?) s LEFT JOIN runs r USING (run_id)
        ORDER BY s.start_ns DESC
        """,
        [*asked.parameters, NEWEST],
    ).to_pylist()
    return tuple(NewRequest(**row) for row in rows)


def _running(query: Query, asked: _Asked, since: int) -> tuple[RunningRequest, ...]:
    rows = query(
        f"""
        WITH heard AS MATERIALIZED (
            SELECT s.trace_id, min(s.start_ns) AS begun_ns, any_value(s.run_id) AS run_id,
                   max(s.start_ns + s.duration_ns) AS heard_ns,
                   arg_max(s.name, s.start_ns + s.duration_ns) AS last_stage, count(*) AS spans
            FROM spans s WHERE s.start_ns >= ? - {LONGEST_NS} AND {asked.where}
            GROUP BY s.trace_id HAVING bool_and({IS_INNER})
        ), recent AS (SELECT * FROM heard WHERE heard_ns >= ?)
        SELECT replace(h.trace_id::VARCHAR, '-', '') AS trace_id, r.service, h.begun_ns, h.heard_ns,
               h.last_stage, h.spans
        FROM recent h LEFT JOIN runs r USING (run_id)
        WHERE h.trace_id NOT IN (
            SELECT s.trace_id FROM spans s
            WHERE s.trace_id IN (SELECT trace_id FROM recent) AND NOT {IS_INNER})
        ORDER BY h.begun_ns LIMIT {NEWEST}
        """,
        [since, *asked.parameters, since],
    ).to_pylist()
    return tuple(RunningRequest(**row) for row in rows)
