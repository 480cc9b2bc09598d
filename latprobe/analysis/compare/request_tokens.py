"""Tokens and cost of each request, and of each stage in it, every model call counted once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from latprobe.analysis.counted import counted
from latprobe.analysis.tokens import COUNTED_USAGE
from latprobe.store.query import Query

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TokenColumns:
    """One value a request: 0 where it called no model, NaN where a call did not say."""

    input_tokens: Floats
    output_tokens: Floats
    cost_usd: Floats

    def columns(self) -> tuple[Floats, Floats, Floats]:
        """In the order of the fields."""
        return self.input_tokens, self.output_tokens, self.cost_usd


@dataclass(frozen=True, slots=True)
class FoundTokens:
    """`requests` None: no model was called."""

    requests: TokenColumns | None
    stages: Mapping[str, TokenColumns]
    notes: tuple[str, ...] = ()


# A sum is not known when one of its calls is not; counts under zero are faults of who reported.
_SUM = "CASE WHEN count(*) = count({0}) FILTER ({0} >= 0) THEN sum({0})::DOUBLE END AS {0}"
# Embeddings give vectors and no tokens, which no instrumentation reports: none, not unknown.
_USED = """(SELECT * REPLACE (coalesce(output_tokens, CASE WHEN operation = 'embeddings' THEN 0 END)
    AS output_tokens) FROM counted_usage)"""
_COLUMNS = ("input_tokens", "output_tokens", "cost_usd")


def fetch_tokens(query: Query, trace_ids: Sequence[str]) -> FoundTokens:
    """The tokens of these requests, each at its place."""
    if not trace_ids:
        return FoundTokens(None, {})
    table = query(
        f"""WITH RECURSIVE wanted AS MATERIALIZED (
            SELECT unnest(string_split(?, ','))::UUID AS trace_id
        ), {COUNTED_USAGE}
        SELECT trace_id::VARCHAR AS trace_id, stage, {", ".join(map(_SUM.format, _COLUMNS))},
               count(*) FILTER (input_tokens < 0 OR output_tokens < 0 OR cost_usd < 0) AS negative
        FROM {_USED} GROUP BY ALL ORDER BY ALL""",
        [",".join(trace_ids)],
    )
    if table.num_rows == 0:
        return FoundTokens(None, {})
    return _placed(table, trace_ids)


def _placed(table: pa.Table, trace_ids: Sequence[str]) -> FoundTokens:
    place = {trace: row for row, trace in enumerate(trace_ids)}
    rows = np.array([place.get(trace, -1) for trace in table["trace_id"].to_pylist()], np.int64)
    stages = np.array(table["stage"].to_pylist(), object)
    values = [_floats(table[name]) for name in _COLUMNS]
    count, known = len(trace_ids), rows >= 0

    def columns(chosen: NDArray[np.bool_]) -> TokenColumns:
        return TokenColumns(*(_summed(rows[chosen], each[chosen], count) for each in values))

    names = sorted(set(stages[known].tolist()))
    negative = int(_floats(table["negative"])[known].sum())
    notes: tuple[str, ...] = ()
    if negative:
        report = "reports" if negative == 1 else "report"
        calls = f"{counted(negative, 'model call')} {report} negative tokens or cost"
        notes = (f"{calls}, which are left out.",)
    return FoundTokens(
        columns(known) if known.any() else None,
        {name: columns(known & (stages == name)) for name in names},
        notes,
    )


def _floats(column: pa.ChunkedArray) -> Floats:
    return np.asarray(column.to_numpy()).astype(np.float64)


def _summed(rows: NDArray[np.int64], values: Floats, count: int) -> Floats:
    return np.asarray(np.bincount(rows, values, minlength=count), np.float64)
