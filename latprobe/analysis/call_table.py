"""Tokens and cost of all model calls as columns in memory, each call counted once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from latprobe.analysis.root_table import RootTable, is_among
from latprobe.analysis.scope import Scope
from latprobe.analysis.spans import Ids
from latprobe.analysis.stage_tokens import StageTokens
from latprobe.analysis.tokens import COUNTED_USAGE
from latprobe.store.query import Query

# Where a cost comes from (docs/token-ledger.md), in the order of the numbers that stand for them.
COST_ORIGINS = ("provider", "prices", "override")

# A column in more pieces than this is put into one: each look goes through all of them.
MAX_PIECES = 64

_COLUMNS = f"""
    hash(u.trace_id) AS draw, u.start_ns, u.run_id::BIGINT AS run_id, u.stage, u.input_tokens,
    u.output_tokens, u.cost_usd,
    list_position({list(COST_ORIGINS)}, u.cost_origin)::UTINYINT AS cost_origin,
    coalesce(u.input_origin = 'estimated', FALSE) OR coalesce(u.output_origin = 'estimated', FALSE)
        AS tokens_estimated
"""


class CallTotals(TypedDict):
    """Sums over the calls that have the figure; None where none has."""

    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class CallTable:
    """One row a call that counts: draw (its request's in the `RootTable`), start_ns, run_id, stage,
    input_tokens, output_tokens, cost_usd, cost_origin (place in `COST_ORIGINS` from 1, NULL for
    another), tokens_estimated."""

    rows: pa.Table

    def totals(self, scope: Scope, roots: RootTable) -> CallTotals:
        """The sums over the calls of the scope's runs and requests that started in its window."""
        return self.within(scope, roots).sums()

    def sums(self) -> CallTotals:
        """The sums over all these calls."""
        found = self.rows
        return CallTotals(
            input_tokens=pc.sum(found["input_tokens"]).as_py(),
            output_tokens=pc.sum(found["output_tokens"]).as_py(),
            cost_usd=pc.sum(found["cost_usd"]).as_py(),
        )

    def cost_origins(self) -> tuple[str, ...]:
        """Where the costs of these calls come from, of `COST_ORIGINS` and in that order; empty
        where no call has a cost, or one does not say."""
        found = self.rows
        numbers = pc.unique(found["cost_origin"].filter(pc.is_valid(found["cost_usd"]))).to_pylist()
        if None in numbers:
            return ()
        return tuple(COST_ORIGINS[number - 1] for number in sorted(numbers))

    def by_stage(self, scope: Scope, roots: RootTable) -> dict[str, StageTokens]:
        """The same sums for each stage."""
        sums = [
            ("input_tokens", "sum"),
            ("output_tokens", "sum"),
            ("cost_usd", "sum"),
            ("tokens_estimated", "any"),
        ]
        found = self.inside(scope, roots).group_by("stage").aggregate(sums)
        named = found.rename_columns([name.removesuffix("_sum") for name in found.column_names])
        named = named.rename_columns([name.removesuffix("_any") for name in named.column_names])
        return {row.pop("stage"): StageTokens(**row) for row in named.to_pylist()}

    def tokens(self, draws: Ids) -> dict[int, tuple[int | None, int | None]]:
        """Input and output tokens of these requests' calls; None where none reported any, and
        requests without a call are left out."""
        found = self.rows.filter(pa.array(is_among(self.rows["draw"].to_numpy(), draws)))
        sums = found.group_by("draw").aggregate([("input_tokens", "sum"), ("output_tokens", "sum")])
        columns = (sums[name].to_pylist() for name in ("input_tokens_sum", "output_tokens_sum"))
        return dict(zip(sums["draw"].to_pylist(), zip(*columns, strict=True), strict=True))

    def within(self, scope: Scope, roots: RootTable) -> CallTable:
        """The calls of the scope's runs and requests that started in its window."""
        return CallTable(self.inside(scope, roots))

    def inside(self, scope: Scope, roots: RootTable) -> pa.Table:
        """The rows of the scope's runs and requests that started in its window."""
        start = self.rows["start_ns"].to_numpy()
        inside = np.isin(self.rows["run_id"].to_numpy(), roots.runs(scope))
        for test in scope.request_tests():
            inside &= is_among(self.rows["draw"].to_numpy(), roots.draw[roots.members(test)])
        if scope.from_ns is not None:
            inside &= start >= scope.from_ns
        if scope.to_ns is not None:
            inside &= start < scope.to_ns
        return self.rows if inside.all() else self.rows.filter(pa.array(inside))


def fetch_calls(query: Query) -> CallTable:
    """All calls in the store that count.

    The rule which do reads the ancestors of every call; where no trace has two it has no say.
    """
    several = query("SELECT count(*) > count(DISTINCT u.trace_id) AS several FROM usage u")
    if not several["several"][0].as_py():
        return CallTable(query(f"SELECT {_COLUMNS} FROM usage u"))
    return CallTable(
        query(
            f"""WITH RECURSIVE wanted AS (SELECT DISTINCT u.trace_id FROM usage u),
            {COUNTED_USAGE}, counting AS (SELECT DISTINCT trace_id, span_id FROM counted_usage)
            SELECT {_COLUMNS} FROM usage u SEMI JOIN counting c
            ON c.trace_id = u.trace_id AND c.span_id = u.span_id"""
        )
    )


def grown_calls(query: Query, old: CallTable, *, since: int, after_row: int) -> CallTable:
    """The table with the calls of traces that got spans after batch `since` of the store, or calls
    after that row of `usage`, as they are now."""
    touched = f"""touched AS MATERIALIZED (
        SELECT s.trace_id FROM spans s WHERE s.ingest_seq > {int(since)}
        UNION SELECT u.trace_id FROM usage u WHERE u.rowid > {int(after_row)})"""
    near = "FROM usage u SEMI JOIN touched t ON t.trace_id = u.trace_id"
    rows = query(f"WITH {touched} SELECT {_COLUMNS} {near}")
    draws = pc.unique(rows["draw"])
    if len(rows) > len(draws):  # which of several calls count is a rule of its own
        rows = query(
            f"""WITH RECURSIVE {touched}, wanted AS (SELECT DISTINCT u.trace_id {near}),
            spans AS MATERIALIZED (
                SELECT s.trace_id, s.span_id, s.parent_span_id FROM main.spans s
                WHERE s.trace_id IN (SELECT trace_id FROM wanted)),
            {COUNTED_USAGE}, counting AS (SELECT DISTINCT trace_id, span_id FROM counted_usage)
            SELECT {_COLUMNS} FROM usage u SEMI JOIN counting c
            ON c.trace_id = u.trace_id AND c.span_id = u.span_id"""
        )
    known = old.rows["draw"].to_numpy()
    kept = old.rows.filter(pa.array(~is_among(known, pa.chunked_array([draws]))))
    return CallTable(_in_few_pieces(pa.concat_tables([kept, rows])))


def _in_few_pieces(rows: pa.Table) -> pa.Table:
    return rows.combine_chunks() if rows["draw"].num_chunks > MAX_PIECES else rows
