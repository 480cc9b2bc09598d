"""Where a span ran, how many things it worked on, how long it stood in a queue, where it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from latprobe.analysis.requests import Requests
from latprobe.analysis.spans import Ids, Ints
from latprobe.store.query import Query

T = TypeVar("T", bound=np.generic)

# Which attribute says where a call ran, the most telling first.
REPLICA_NAMES = ("latprobe.replica", "replica", "server.address", "host.name")
# How many things one call worked on. sentence_transformers has its texts as inputs and its largest
# batch as batch_size, so inputs come first.
BATCH_NAMES = ("latprobe.inputs", "latprobe.batch_size", "batch_size")

# A place counts as known where most runs of the stage name it.
_MOST = 0.5


@dataclass(frozen=True, slots=True)
class CallFacts:
    """Columns, one row a span. `places` are the ways of saying where, the most telling first: codes
    into names, -1 not said. `queue_ns` -1 and `items` NaN: not said."""

    places: tuple[tuple[Ints, tuple[str, ...]], ...]
    queue_ns: Ints
    items: NDArray[np.float64]

    def replicas(self, rows: Ints) -> tuple[str | None, ...]:
        """Where these rows ran, by the first way that most of them know."""
        for codes, names in self.places:
            found = codes[rows]
            if np.mean(found >= 0) > _MOST:
                return tuple(names[code] if code >= 0 else None for code in found.tolist())
        return (None,) * len(rows)


def fetch_facts(query: Query, requests: Requests, span_id: Ids) -> CallFacts:
    """The facts of the spans with these ids, in their order."""
    table = query(
        f"""
        SELECT s.span_id, s.queue_ns, {_named()} AS named, g.device, r.host,
               {items_sql()} AS items
        FROM spans s
        LEFT JOIN gpu_spans g ON g.trace_id = s.trace_id AND g.span_id = s.span_id
        LEFT JOIN runs r ON r.run_id = s.run_id
        WHERE s.start_ns BETWEEN ? AND ?
          AND (s.attributes IS NOT NULL OR s.queue_ns IS NOT NULL OR g.device IS NOT NULL
               OR r.host IS NOT NULL)
        """,
        [int(requests.first_ns.min()), int(requests.last_ns.max())],
    )
    row = _rows_of(table, span_id)
    return CallFacts(
        places=tuple(_place(table[name], row) for name in ("named", "device", "host")),
        queue_ns=_at(_filled(table["queue_ns"], -1).astype(np.int64), row, -1),
        items=_at(_filled(table["items"], np.nan).astype(np.float64), row, np.nan),
    )


def _named() -> str:
    port = _attribute("server.port")
    told = [
        f"{_attribute(name)} || coalesce(':' || {port}, '')"
        if name == "server.address"
        else _attribute(name)
        for name in REPLICA_NAMES
    ]
    return f"coalesce({', '.join(told)})"


def items_sql() -> str:
    """How many items a span of the alias `s` worked on, as SQL."""
    told = (f"TRY_CAST({_attribute(name)} AS DOUBLE)" for name in BATCH_NAMES)
    return f"coalesce({', '.join(told)})"


def _attribute(name: str) -> str:
    return f"""(s.attributes->>'$."{name}"')"""


def _rows_of(table: pa.Table, span_id: Ids) -> Ints:
    """The table's row of each span; -1 where it has none."""
    known = np.asarray(table["span_id"].to_numpy()).astype(np.uint64, copy=False)
    if len(known) == 0:
        return np.full(len(span_id), -1, np.int64)
    order = np.argsort(known, kind="stable")
    at = np.minimum(np.searchsorted(known, span_id, sorter=order), len(known) - 1)
    return np.where(known[order[at]] == span_id, order[at], -1)


def _filled(column: pa.ChunkedArray, missing: float) -> NDArray[np.generic]:
    return np.asarray(pc.fill_null(column, missing).to_numpy())


def _place(column: pa.ChunkedArray, row: Ints) -> tuple[Ints, tuple[str, ...]]:
    encoded = pc.dictionary_encode(column).combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        if encoded.num_chunks == 0:
            return np.full(len(row), -1, np.int64), ()
        encoded = encoded.chunk(0)
    codes = np.asarray(pc.fill_null(encoded.indices, -1).to_numpy()).astype(np.int64, copy=False)
    return _at(codes, row, -1), tuple(str(each) for each in encoded.dictionary.to_pylist())


def _at(values: NDArray[T], row: Ints, missing: float) -> NDArray[T]:
    """The values at these rows; `missing` where there is none."""
    found = np.full(len(row), missing, values.dtype)
    known = row >= 0
    found[known] = values[row[known]]
    return found
