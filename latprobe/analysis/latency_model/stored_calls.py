"""Recorded model calls as columns, with what tells one model, template and replica from another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from latprobe.analysis.counted_calls import calls_sql
from latprobe.analysis.intervals import Floats
from latprobe.analysis.latency_model.calls import CallColumns, Flags, call_columns
from latprobe.analysis.scope import Scope
from latprobe.analysis.spans import Ids, Ints
from latprobe.store.query import Query

# What a call is of, the finest first; each level leaves something out.
Key = tuple[str | None, str | None, str | None]

_COLUMNS = """
    c.trace_id::VARCHAR AS trace_id, c.span_id, c.stage, c.model, c.template::VARCHAR AS template,
    coalesce(s.attributes ->> '$."server.address"', r.host) AS replica,
    s.start_ns, s.duration_ns, s.status = 'error' AS is_error,
    coalesce(c.uncached_input_tokens, c.input_tokens) AS input_tokens, c.output_tokens,
    c.input_tokens AS context_tokens,
    coalesce(s.ttft_ns, s.queue_ns + s.prefill_ns) AS ttft_ns, s.queue_ns,
    coalesce(g.is_cold, FALSE) AS is_cold,
    s.run_id::BIGINT << 32 | coalesce(s.pid, 0)::BIGINT AS process
"""
_SELECT = f"""
    SELECT DISTINCT ON (c.trace_id, c.span_id) {_COLUMNS}
    FROM chosen c
    JOIN spans s ON s.trace_id = c.trace_id AND s.span_id = c.span_id
    LEFT JOIN runs r ON r.run_id = s.run_id
    LEFT JOIN (SELECT trace_id, span_id, bool_or(is_cold) AS is_cold FROM gpu_spans
               GROUP BY ALL) g ON g.trace_id = s.trace_id AND g.span_id = s.span_id
"""
# The calls within spans of a name, upwards from each call; UNION ends where parents form a cycle.
_WITHIN = """
, up AS (
    SELECT c.trace_id, c.span_id AS call_id, c.span_id FROM calls c
    UNION
    SELECT u.trace_id, u.call_id, s.parent_span_id AS span_id
    FROM up u JOIN spans s ON s.trace_id = u.trace_id AND s.span_id = u.span_id
    WHERE s.parent_span_id IS NOT NULL
),
inside AS (
    SELECT DISTINCT u.trace_id, u.call_id FROM up u
    JOIN spans s ON s.trace_id = u.trace_id AND s.span_id = u.span_id WHERE s.name = ?
),
chosen AS (
    SELECT c.* FROM calls c JOIN inside i ON i.trace_id = c.trace_id AND i.call_id = c.span_id
)
"""


@dataclass(frozen=True, slots=True)
class StoredCalls:
    """One row a call, by start. `key` holds its model, template and replica."""

    trace_id: NDArray[np.object_]
    span_id: Ids
    stage: NDArray[np.object_]
    key: tuple[NDArray[np.object_], NDArray[np.object_], NDArray[np.object_]]
    is_error: Flags
    columns: CallColumns

    def __len__(self) -> int:
        return len(self.span_id)

    def groups(self, parts: Sequence[int]) -> list[tuple[Key, Ints]]:
        """The rows that share these parts of the key, by number of calls; the rest is None."""
        codes = np.zeros(len(self), np.int64)
        for part in parts:
            # None sorts with text by standing for "": the value itself is taken from a row.
            _, code = np.unique([value or "" for value in self.key[part]], return_inverse=True)
            codes = codes * (int(code.max(initial=0)) + 1) + code
        order = np.argsort(codes, kind="stable")
        rows = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1) if len(order) else []
        named = [(self._key_of(int(each[0]), parts), each) for each in rows]
        return sorted(named, key=lambda one: -len(one[1]))

    def _key_of(self, row: int, parts: Sequence[int]) -> Key:
        model, template, replica = (
            self.key[part][row] if part in parts else None for part in range(3)
        )
        return model, template, replica


def fetch_stored_calls(query: Query, scope: Scope) -> StoredCalls:
    """The calls in the scope that count, each once; the scope's stage is the call's own."""
    before, parameters = calls_sql(scope)
    return _from_table(query(f"{before}, chosen AS (SELECT * FROM calls) {_SELECT}", parameters))


def fetch_stage_calls(query: Query, scope: Scope, stage: str) -> StoredCalls:
    """The calls that are this stage; where none is, those within it."""
    own = fetch_stored_calls(query, replace(scope, stage=stage))
    if len(own):
        return own
    before, parameters = calls_sql(replace(scope, stage=None))
    return _from_table(query(f"{before}{_WITHIN}{_SELECT}", [*parameters, stage]))


def _from_table(table: pa.Table) -> StoredCalls:
    table = table.sort_by([("start_ns", "ascending"), ("span_id", "ascending")])

    def floats(name: str) -> Floats:
        return np.asarray(table[name].cast(pa.float64()).to_numpy(), np.float64)

    def integers(name: str) -> Ints:
        return np.asarray(table[name].to_numpy()).astype(np.int64, copy=False)

    def objects(name: str) -> NDArray[np.object_]:
        return _texts(table[name])

    def flags(name: str) -> Flags:
        return np.asarray(table[name].to_numpy(zero_copy_only=False), np.bool_)

    return StoredCalls(
        trace_id=objects("trace_id"),
        span_id=np.asarray(table["span_id"].to_numpy()).astype(np.uint64),
        stage=objects("stage"),
        key=(objects("model"), objects("template"), objects("replica")),
        is_error=flags("is_error"),
        columns=call_columns(
            start_ns=integers("start_ns"),
            duration_ns=floats("duration_ns"),
            input_tokens=floats("input_tokens"),
            output_tokens=floats("output_tokens"),
            context_tokens=floats("context_tokens"),
            ttft_ns=floats("ttft_ns"),
            queue_ns=floats("queue_ns"),
            process=integers("process"),
            is_cold=flags("is_cold"),
        ),
    )


def _texts(column: pa.ChunkedArray) -> NDArray[np.object_]:
    """Text as objects, None for what is not known; equal texts are one object, not one a call."""
    codes = pc.dictionary_encode(column, null_encoding="encode").combine_chunks()
    if isinstance(codes, pa.ChunkedArray):
        codes = codes.chunk(0)
    known = np.array([*codes.dictionary.to_pylist(), None], object)[:-1]
    return np.asarray(known[np.asarray(codes.indices.to_numpy(zero_copy_only=False))])
