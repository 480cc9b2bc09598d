"""The last minute of a running pipeline: figures, host load, newest requests."""

from __future__ import annotations

from dataclasses import dataclass

from latprobe.analysis.roots import IS_INNER
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


# A request belongs to the moment it ended. start_ns narrows the scan first: the table is ordered
# by it, and a request of over ten minutes is not "live".
_RECENT = """
    FROM spans s WHERE s.parent_span_id IS NULL
     AND s.start_ns >= ? - 600000000000
     AND s.start_ns + s.duration_ns >= ? AND s.start_ns + s.duration_ns < ?
"""


def read_pulse(query: Query, now_ns: int) -> Pulse:
    """Everything the live page shows, in five queries."""
    since = now_ns - WINDOW_NS
    totals = query(
        "SELECT count(*) AS requests, count(*) FILTER (s.status = 'error') AS errors,"
        " quantile_cont(s.duration_ns, 0.5) / 1e6 AS p50_ms,"
        " quantile_cont(s.duration_ns, 0.95) / 1e6 AS p95_ms" + _RECENT,
        [since, since, now_ns],
    ).to_pylist()[0]
    newest = _newest(query)
    return Pulse(
        points=_points(query, since, now_ns),
        host=_host(query, since),
        newest=newest,
        running=_running(query, since),
        last_end_ns=max((r.start_ns + int(r.duration_ms * 1e6) for r in newest), default=None),
        **totals,
    )


def _points(query: Query, since: int, now_ns: int) -> tuple[PulsePoint, ...]:
    rows = query(
        f"""
        SELECT ((s.start_ns + s.duration_ns) // {STEP_NS} * {STEP_NS})::BIGINT AS time_ns,
               count(*) AS requests, count(*) FILTER (s.status = 'error') AS errors,
               quantile_cont(s.duration_ns, 0.5) / 1e6 AS p50_ms,
               quantile_cont(s.duration_ns, 0.95) / 1e6 AS p95_ms
        {_RECENT} GROUP BY 1
        """,
        [since, since, now_ns],
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


def _newest(query: Query) -> tuple[NewRequest, ...]:
    rows = query(
        """
        SELECT replace(s.trace_id::VARCHAR, '-', '') AS trace_id, s.name AS name,
               r.service AS service, s.start_ns AS start_ns, s.duration_ns / 1e6 AS duration_ms,
               s.status AS status
        FROM (SELECT * FROM spans WHERE parent_span_id IS NULL
              ORDER BY start_ns DESC LIMIT ?) s LEFT JOIN runs r USING (run_id)
        ORDER BY s.start_ns DESC
        """,
        [NEWEST],
    ).to_pylist()
    return tuple(NewRequest(**row) for row in rows)


def _running(query: Query, since: int) -> tuple[RunningRequest, ...]:
    rows = query(
        f"""
        WITH heard AS MATERIALIZED (
            SELECT s.trace_id, min(s.start_ns) AS begun_ns, any_value(s.run_id) AS run_id,
                   max(s.start_ns + s.duration_ns) AS heard_ns,
                   arg_max(s.name, s.start_ns + s.duration_ns) AS last_stage, count(*) AS spans
            FROM spans s WHERE s.start_ns >= ? - {LONGEST_NS}
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
        [since, since],
    ).to_pylist()
    return tuple(RunningRequest(**row) for row in rows)
