"""Spans as columns: what the analysis of requests works on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Ids = NDArray[np.uint64]

NO_ROW = -1


@dataclass(frozen=True, slots=True)
class Spans:
    """Columns of one length, sorted by trace, start and (longest first) end.

    `trace` holds small integers, one a trace; `name` indexes `names`. `parent_id` 0 is "none".
    `row` is the row each span had in the table that it came from, to fetch other columns by.
    `role` says what a span is in a call (see transport.py); None where that was not asked for.
    An end before its start is moved to the start.
    """

    trace: Ints
    span_id: Ids
    parent_id: Ids
    start_ns: Ints
    end_ns: Ints
    name: Ints
    names: tuple[str, ...]
    row: Ints
    role: Ints | None = None

    @classmethod
    def from_table(cls, table: pa.Table) -> Spans:
        """Spans of a table with trace, span_id, parent_span_id, start_ns, duration_ns, name.

        `trace` may be integers or anything that a dictionary can encode (text, UUIDs). It may have
        `role` too.
        """
        trace = _codes(table["trace"])[0]
        start = _int64(table["start_ns"])
        end = start + np.maximum(_int64(table["duration_ns"]), 0)
        end = np.where(end < start, np.iinfo(np.int64).max, end)  # it overflowed
        name, names = _codes(table["name"])
        order = np.lexsort((-end, start, trace))
        role = _int64(table["role"])[order] if "role" in table.column_names else None
        return cls(
            trace=trace[order],
            span_id=_uint64(table["span_id"])[order],
            parent_id=_uint64(table["parent_span_id"])[order],
            start_ns=start[order],
            end_ns=end[order],
            name=name[order],
            names=tuple(str(n) for n in names),
            row=order,
            role=role,
        )

    def __len__(self) -> int:
        return len(self.start_ns)

    @property
    def duration_ns(self) -> Ints:
        return self.end_ns - self.start_ns

    def offsets(self) -> Ints:
        """The first row of each trace, in order."""
        if len(self) == 0:
            return np.zeros(0, np.int64)
        return np.concatenate(([0], np.flatnonzero(np.diff(self.trace)) + 1))

    def traces(self) -> Iterator[slice]:
        """The rows of each trace, in order."""
        bounds = [*self.offsets().tolist(), len(self)]
        return (slice(a, b) for a, b in pairwise(bounds))

    def parent_rows(self) -> Ints:
        """The row of each span's parent; -1 where it has none, or none that is here.

        Where a trace holds a span id twice, its earliest span is the parent.
        """
        if len(self) == 0:
            return np.zeros(0, np.int64)
        ids, id_code = np.unique(self.span_id, return_inverse=True)
        wanted = np.minimum(np.searchsorted(ids, self.parent_id), len(ids) - 1)
        known = (self.parent_id != 0) & (ids[wanted] == self.parent_id)
        trace_rank = np.repeat(np.arange(len(self.offsets())), self._trace_sizes())
        keys = trace_rank * len(ids) + id_code
        order = np.argsort(keys, kind="stable")
        wanted_keys = trace_rank * len(ids) + wanted
        at = np.minimum(np.searchsorted(keys, wanted_keys, sorter=order), len(keys) - 1)
        found = order[at]
        return np.where(known & (keys[found] == wanted_keys), found, NO_ROW)

    def _trace_sizes(self) -> Ints:
        return np.diff(np.append(self.offsets(), len(self)))


def _codes(column: pa.ChunkedArray) -> tuple[Ints, list[Any]]:
    if pa.types.is_integer(column.type):
        return _int64(column), []
    if isinstance(column.type, pa.BaseExtensionType):
        column = pa.chunked_array([c.storage for c in column.chunks], column.type.storage_type)
    encoded = pc.dictionary_encode(column).combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0)
    return _int64(encoded.indices), encoded.dictionary.to_pylist()


def _int64(column: pa.ChunkedArray) -> Ints:
    return np.asarray(column.to_numpy()).astype(np.int64, copy=False)


def _uint64(column: pa.ChunkedArray) -> Ids:
    filled = pc.fill_null(column.cast(pa.uint64()), pa.scalar(0, pa.uint64()))
    return np.asarray(filled.to_numpy()).astype(np.uint64, copy=False)
