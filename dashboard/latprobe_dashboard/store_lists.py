"""What the filters and the cards ask of the store beyond the analysis: runs, and tokens by time."""

from __future__ import annotations

from dataclasses import dataclass

from latprobe.analysis.counted_calls import settled_calls_sql
from latprobe.analysis.scope import Scope
from latprobe.store.query import Query

RUNS_OFFERED = 200
POINTS = 60
MINUTE_NS = 60_000_000_000


@dataclass(frozen=True, slots=True)
class RunChoice:
    """One recorded run, as the filter offers it."""

    run_id: int
    service: str
    version: str | None
    git_commit: str | None
    started_ns: int


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Where and what a run was; None is not known."""

    service: str
    version: str | None
    git_commit: str | None
    host: str | None
    platform: str | None
    python: str | None
    device: str | None
    started_ns: int


@dataclass(frozen=True, slots=True)
class TokenPoint:
    """Tokens and cost of one stretch of time; None where no model call reported any."""

    time_ns: int
    tokens: int | None
    cost_usd: float | None


def read_runs(query: Query) -> list[RunChoice]:
    """The newest runs first."""
    rows = query(
        "SELECT run_id, service, version, git_commit, started_ns FROM runs"
        " ORDER BY started_ns DESC, run_id DESC LIMIT ?",
        [RUNS_OFFERED],
    ).to_pylist()
    return [RunChoice(**row) for row in rows]


def read_run(query: Query, run_id: int) -> RunFacts | None:
    """What is known about one run; None when there is no such run."""
    rows = query(
        "SELECT service, version, git_commit, host, platform, python, device, started_ns"
        " FROM runs WHERE run_id = ?",
        [run_id],
    ).to_pylist()
    return RunFacts(**rows[0]) if rows else None


def read_token_points(query: Query, scope: Scope) -> list[TokenPoint]:
    """At most POINTS stretches over the scope's window; a call that spans around it repeat counts
    once."""
    before, parameters = settled_calls_sql(query, scope)
    rows = query(
        f"""{before},
        m AS (
            SELECT start_ns // {MINUTE_NS} * {MINUTE_NS} AS minute_ns, sum(input_tokens) AS i,
                   sum(output_tokens) AS o, sum(cost_usd) AS c
            FROM calls GROUP BY 1
        ), w AS (
            SELECT min(minute_ns) AS low,
                   greatest((max(minute_ns) - min(minute_ns)) // {POINTS} + 1, 1) AS step FROM m
        )
        SELECT (any_value(w.low) + (m.minute_ns - w.low) // w.step * any_value(w.step))::BIGINT
                   AS time_ns,
               (sum(i) + coalesce(sum(o), 0))::BIGINT AS tokens, sum(c) AS cost_usd
        FROM m, w GROUP BY (m.minute_ns - w.low) // w.step ORDER BY time_ns
        """,
        parameters,
    ).to_pylist()
    return [TokenPoint(**row) for row in rows]
