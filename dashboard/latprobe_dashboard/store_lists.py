"""What the filters and the cards ask of the store beyond the analysis: runs, and tokens by time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from latprobe.analysis.spans import Ints
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


def token_points(calls: pa.Table) -> list[TokenPoint]:
    """At most POINTS stretches over the calls' time, of whole minutes, those without calls too:
    a line that leaves them out climbs and falls over hours in which nothing ran.

    `calls` has start_ns, input_tokens, output_tokens and cost_usd, a row a call.
    """
    if not calls.num_rows:
        return []
    minute = calls["start_ns"].to_numpy() // MINUTE_NS
    first = int(minute.min())
    step = (int(minute.max()) - first) // POINTS + 1
    place = (minute - first) // step
    stretches = int(place.max()) + 1
    tokens, cost = (
        [_summed(calls[name], place, stretches) for name in names]
        for names in (("input_tokens", "output_tokens"), ("cost_usd",))
    )
    return [
        TokenPoint(
            time_ns=(first + row * step) * MINUTE_NS,
            tokens=_added(tokens[0][row], tokens[1][row]),
            cost_usd=cost[0][row],
        )
        for row in range(stretches)
    ]


def _summed(column: pa.ChunkedArray, place: Ints, places: int) -> list[float | None]:
    """The sum at each place; None where every value is."""
    values = np.asarray(column.cast(pa.float64()).fill_null(np.nan).to_numpy())
    known = ~np.isnan(values)
    count = np.bincount(place[known], minlength=places)
    total = np.bincount(place[known], values[known], minlength=places)
    return [float(each) if some else None for each, some in zip(total, count, strict=True)]


def _added(first: float | None, second: float | None) -> int | None:
    return None if first is None and second is None else round((first or 0.0) + (second or 0.0))
