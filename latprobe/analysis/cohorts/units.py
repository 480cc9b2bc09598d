"""What is compared: the requests of a scope, or the runs of one of their stages."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from latprobe.analysis.roots import roots_sql
from latprobe.analysis.scope import Scope
from latprobe.analysis.spans import Ints
from latprobe.store.query import Query

# More than this adds nothing to what can be seen, and memory is bounded by it.
MOST_UNITS = 100_000


@dataclass(frozen=True, slots=True)
class Units:
    """One row a request, or a stage's run, in the order of time.

    `key` is the trace's id, for a stage's run followed by its span's: what `Source.key` gives.
    """

    key: pa.ChunkedArray
    start_ns: Ints
    duration_ns: Ints
    run_id: Ints
    name: tuple[str, ...]
    is_error: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.start_ns)

    @property
    def run(self) -> Ints:
        """What `Requests` calls it."""
        return self.run_id

    def aligned(self, table: pa.Table) -> Ints:
        """The row of each unit in a table with a column `key`; -1 where it has none."""
        found = pc.index_in(self.key, value_set=table["key"].combine_chunks())
        return np.asarray(found.fill_null(-1).to_numpy()).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Source:
    """Where units and what is known of them come from: CTEs that end with `units`."""

    ctes: str
    parameters: tuple[object, ...]
    is_stage: bool

    @property
    def key(self) -> str:
        """SQL of a unit's key over the alias `s` of a table with trace_id and span_id."""
        return "s.trace_id::VARCHAR" + (" || '/' || s.span_id::VARCHAR" if self.is_stage else "")

    @property
    def group(self) -> str:
        """SQL to group such a table by unit."""
        return "s.trace_id, s.span_id" if self.is_stage else "s.trace_id"

    @property
    def inside(self) -> str:
        """SQL that is true for rows of the units."""
        if self.is_stage:
            return "(s.trace_id, s.span_id) IN (SELECT (u.trace_id, u.span_id) FROM units u)"
        return "s.trace_id IN (SELECT u.trace_id FROM units u)"


def source(scope: Scope, stage: str | None) -> Source:
    """The requests in the scope, or the runs of the stage in it."""
    if stage is not None:
        where, parameters = replace(scope, stage=stage).where()
        rows = f"""SELECT s.trace_id, s.span_id, s.start_ns,
            greatest(s.duration_ns, 0) AS duration_ns, s.run_id, s.name, s.status, s.model
            FROM spans s WHERE {where}"""
    else:
        rows, parameters = roots_sql(scope)
    ctes = f"""
        WITH every AS ({rows}),
        units AS (SELECT * FROM every ORDER BY start_ns DESC LIMIT {MOST_UNITS})
    """
    return Source(ctes, tuple(parameters), stage is not None)


def fetch_units(query: Query, source: Source) -> Units:
    """The units, at most the 100,000 latest."""
    table = query(
        f"""{source.ctes} SELECT {source.key} AS key, s.start_ns, s.duration_ns,
            s.run_id::BIGINT AS run_id, s.name, s.status = 'error' AS is_error
            FROM units s ORDER BY s.start_ns, 1""",
        source.parameters,
    )

    def ints(name: str) -> Ints:
        return np.asarray(table[name].to_numpy()).astype(np.int64, copy=False)

    return Units(
        key=table["key"],
        start_ns=ints("start_ns"),
        duration_ns=ints("duration_ns"),
        run_id=ints("run_id"),
        name=tuple(table["name"].to_pylist()),
        is_error=np.asarray(table["is_error"].to_numpy()),
    )
