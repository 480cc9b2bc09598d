"""The roots of all requests as columns in memory: a filter is then a mask, and costs no query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypedDict
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from latprobe.analysis.roots import ROOTS
from latprobe.analysis.scope import Scope, Test
from latprobe.analysis.spans import Ids, Ints
from latprobe.analysis.store_growth import touched_since
from latprobe.store.query import Query

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RootTable:
    """One row a request, by its root. `draw` is a random number that stays with the request.

    `services` names the service of each run, `versions` its version and git commit. Row
    `crossing[i]` has spans of run `crossing_run[i]` beside its root's, the last of which started at
    `crossing_ns[i]`. `query` finds the members of a test once, when first asked; of a test in
    `carried` only among the traces that got spans after batch `since`. About 70 bytes a request,
    and one more for each test.
    """

    trace_id: pa.ChunkedArray
    name: pa.ChunkedArray
    start_ns: Ints
    duration_ns: Ints
    is_error: Mask
    run_id: Ints
    draw: Ids
    services: dict[int, str]
    versions: dict[int, tuple[str | None, str | None]]
    crossing: Ints
    crossing_run: Ints
    crossing_ns: Ints
    query: Query
    found: dict[str, Mask] = field(default_factory=dict)
    carried: dict[str, Mask] = field(default_factory=dict)
    since: int = 0

    def __len__(self) -> int:
        return len(self.start_ns)

    def rows(self, scope: Scope) -> Ints:
        """The rows of the requests in the scope, as `requests_sql` has them.

        A scope with a span's own stage or model is not known here: raises ValueError.
        """
        if not knows(scope):
            raise ValueError("the roots alone do not know the stages and models of spans")
        inside = np.ones(len(self), np.bool_)
        if (scope.service, scope.run_id, scope.version) != (None, None, None):
            inside = self._touched(scope)
        for test in scope.request_tests():
            inside &= self.members(test)
        if scope.from_ns is not None:
            inside &= self.start_ns >= scope.from_ns
        if scope.to_ns is not None:
            inside &= self.start_ns < scope.to_ns
        return np.flatnonzero(inside)

    def members(self, test: Test) -> Mask:
        """Which requests have a span that passes the test."""
        question = repr(test)
        if question not in self.found:  # asked twice at once it is found twice, which does no harm
            known = self.carried.get(question)
            draws = self._passing(test, is_new_only=known is not None)
            found = is_among(self.draw, draws)
            self.found[question] = found if known is None else known | found
        return self.found[question]

    def _passing(self, test: Test, *, is_new_only: bool) -> pa.ChunkedArray:
        """The draws of the traces with a span that passes."""
        sql, values = test
        source = "spans"
        if is_new_only:
            source = f"(SELECT s.* FROM spans s WHERE {touched_since(self.since)})"
        return self.query(
            f"SELECT DISTINCT hash(m.trace_id) AS draw FROM {source} m WHERE {sql}", values
        )["draw"]

    def ids(self, rows: Ints) -> list[str]:
        """The trace ids at these rows, as text with dashes."""
        return [str(each) for each in self.trace_id.take(pa.array(rows)).to_pylist()]

    def runs(self, scope: Scope) -> Ints:
        """The runs in the scope, whatever its window."""
        return np.array(
            [
                run
                for run, service in self.services.items()
                if scope.service in (None, service)
                and scope.run_id in (None, run)
                and (scope.version is None or scope.version in self.versions[run])
            ],
            np.int64,
        )

    def _touched(self, scope: Scope) -> Mask:
        """Which requests have a span of the scope's runs in its time."""
        runs = self.runs(scope)
        inside = np.isin(self.run_id, runs)
        also = np.isin(self.crossing_run, runs)
        if scope.from_ns is not None:
            also &= self.crossing_ns >= scope.from_ns
        inside[self.crossing[also]] = True
        return inside


def fetch_roots(query: Query) -> RootTable:
    """The roots of all requests in the store."""
    roots = query(
        f"""
        WITH {ROOTS} SELECT s.trace_id::VARCHAR AS trace_id, s.name, s.start_ns, s.duration_ns,
            s.status = 'error' AS is_error, s.run_id::BIGINT AS run_id, hash(s.trace_id) AS draw
        FROM roots s ORDER BY s.start_ns, s.trace_id
        """
    )
    runs = run_facts(query)
    crossing = fetch_crossing(query) if len(runs["services"]) > 1 else NO_CROSSING
    at = pc.index_in(crossing["trace_id"], roots["trace_id"]).fill_null(-1).to_numpy()
    known = at >= 0
    return RootTable(
        **root_columns(roots),
        **runs,
        crossing=at[known].astype(np.int64),
        crossing_run=ints(crossing["run_id"])[known],
        crossing_ns=ints(crossing["last_ns"])[known],
        query=query,
    )


class RootColumns(TypedDict):
    """What a `RootTable` has of each root."""

    trace_id: pa.ChunkedArray
    name: pa.ChunkedArray
    start_ns: Ints
    duration_ns: Ints
    is_error: Mask
    run_id: Ints
    draw: Ids


def root_columns(roots: pa.Table) -> RootColumns:
    """The columns of a table of roots."""
    return RootColumns(
        trace_id=roots["trace_id"],
        name=roots["name"],
        start_ns=ints(roots["start_ns"]),
        duration_ns=ints(roots["duration_ns"]),
        is_error=np.asarray(roots["is_error"].to_numpy()).astype(np.bool_),
        run_id=ints(roots["run_id"]),
        draw=np.asarray(roots["draw"].to_numpy()),
    )


class RunFacts(TypedDict):
    """What a `RootTable` has of each run."""

    services: dict[int, str]
    versions: dict[int, tuple[str | None, str | None]]


def run_facts(query: Query) -> RunFacts:
    """The services and versions of all runs."""
    runs = query(
        "SELECT r.run_id, r.service, r.version, r.git_commit FROM runs r ORDER BY r.run_id"
    ).to_pylist()
    return RunFacts(
        services={row["run_id"]: row["service"] for row in runs},
        versions={row["run_id"]: (row["version"], row["git_commit"]) for row in runs},
    )


def is_among(draws: Ids, wanted: pa.ChunkedArray | Ids) -> Mask:
    """Which of the draws are wanted. By hash: numpy would sort them all, 50 ms for 500,000."""
    values = wanted if isinstance(wanted, pa.ChunkedArray) else pa.array(wanted)
    return np.asarray(pc.is_in(pa.array(draws), value_set=values).to_numpy(zero_copy_only=False))


def knows(scope: Scope) -> bool:
    """Whether the roots can tell which requests are in the scope."""
    return scope.stage is None and scope.model is None


def spaced(rows: Ints, wanted: int, draw: Ids) -> Ints:
    """About `wanted` of the rows, the same ones whenever the same share is wanted."""
    step = max(len(rows) // max(wanted, 1), 1)
    return rows[draw[rows] % np.uint64(step) == 0] if step > 1 else rows


NO_CROSSING = pa.table(
    {
        "trace_id": pa.array([], pa.string()),
        "run_id": pa.array([], pa.int64()),
        "last_ns": pa.array([], pa.int64()),
    }
)


def fetch_crossing(query: Query, where: str = "TRUE") -> pa.Table:
    """The runs of every trace that has spans of several, with the start of each run's last span.

    `where` is a condition on a span `s` that keeps whole traces.
    """
    several = f"""
        SELECT s.trace_id FROM spans s WHERE {where}
        GROUP BY s.trace_id HAVING min(s.run_id) < max(s.run_id)"""
    return query(
        f"""
        SELECT s.trace_id::VARCHAR AS trace_id, s.run_id::BIGINT AS run_id,
               max(s.start_ns) AS last_ns
        FROM spans s WHERE s.trace_id IN ({several}) GROUP BY s.trace_id, s.run_id
        """
    )


def ints(column: pa.ChunkedArray) -> Ints:
    """A column without NULLs as numbers."""
    return np.asarray(column.to_numpy()).astype(np.int64, copy=False)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request stands among others by its duration: `rank` 1 is the longest of `of`.

    `longer` and `shorter` are the traces beside it, None at either end; ids of 32 hex digits.
    """

    rank: int
    of: int
    longer: str | None
    shorter: str | None


def place_of(table: RootTable, rows: Ints, trace_id: str) -> Place | None:
    """The place of a request among those at the rows; None where it is not one of them."""
    wanted = pa.scalar(str(UUID(trace_id)), table.trace_id.type)
    row = pc.index(table.trace_id, wanted).as_py()
    if row < 0 or not np.any(rows == row):
        return None
    ranked = longest(table, rows, len(rows))
    at = int(np.flatnonzero(ranked == row)[0])
    beside = [
        table.ids(ranked[[near]])[0].replace("-", "") if 0 <= near < len(ranked) else None
        for near in (at - 1, at + 1)
    ]
    return Place(at + 1, len(ranked), beside[0], beside[1])


def longest(table: RootTable, rows: Ints, limit: int) -> Ints:
    """The rows of the longest requests, longest first, of equals the latest."""
    return _first(rows, (table.start_ns[rows], table.duration_ns[rows]), limit)


def newest(table: RootTable, rows: Ints, limit: int) -> Ints:
    """The rows of the latest requests, latest first."""
    return _first(rows, (table.start_ns[rows],), limit)


def _first(rows: Ints, keys: Sequence[Ints], limit: int) -> Ints:
    """The rows with the greatest keys, the last key first; of equals the greater trace."""
    greatest = keys[-1]
    if len(rows) > 4 * limit:  # sorting 500,000 rows for 20 of them takes 40 ms, this takes 5
        edge = np.partition(greatest, len(rows) - limit)[len(rows) - limit]
        kept = greatest >= edge
        rows, keys = rows[kept], [key[kept] for key in keys]
    return rows[np.lexsort([rows, *keys])[::-1][:limit]]
