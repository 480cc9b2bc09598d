"""Requests of one queued stage, written into a store in memory by the thousand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from latprobe.analysis.queueing import simulate
from latprobe.analysis.spans import Ints
from tests.analysis.seeding import EPOCH_NS, MemoryStore

MS = 1_000_000


def arrivals(rng: np.random.Generator, count: int, *, rate_per_s: float) -> Ints:
    """Poisson arrivals, in ns from EPOCH_NS."""
    gaps = rng.exponential(1e9 / rate_per_s, count)
    return EPOCH_NS + np.cumsum(gaps).astype(np.int64)


def queued(
    rng: np.random.Generator, count: int, *, servers: int, load: float, mean_ms: float = 20.0
) -> tuple[Ints, Ints, Ints]:
    """(arrival, start, end) of an M/M/n queue at that utilisation."""
    arrival = arrivals(rng, count, rate_per_s=load * servers / mean_ms * 1e3)
    service = rng.exponential(mean_ms * MS, count).astype(np.int64) + 1
    start = simulate(arrival, service, servers)
    return arrival, start, start + service


def request_store(
    arrival: Ints,
    start: Ints,
    end: Ints,
    *,
    stage: str = "work",
    attributes: Sequence[dict[str, Any]] | None = None,
) -> MemoryStore:
    """A store with one request for each row: root `request` from arrival to 1 ms after the end of
    its one stage."""
    store = MemoryStore()
    store.add_run(host="here")
    count = len(arrival)
    ids = np.arange(1, count + 1)
    add_spans(store, ids, ids * 2, None, "request", arrival, end + MS)
    add_spans(store, ids, ids * 2 + 1, ids * 2, stage, start, end, attributes=attributes)
    return store


def add_spans(
    store: MemoryStore,
    traces: Ints,
    span_ids: Ints,
    parents: Ints | None,
    name: str,
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    *,
    attributes: Sequence[dict[str, Any]] | None = None,
) -> None:
    """Rows of `spans`, at once."""
    count = len(traces)
    rows = pa.table(
        {
            "trace": [f"{trace:032x}" for trace in traces.tolist()],
            "span": pa.array(span_ids, pa.uint64()),
            "parent": pa.array([None] * count if parents is None else parents, pa.uint64()),
            "start": pa.array(start, pa.int64()),
            "duration": pa.array(end - start, pa.int64()),
            "attributes": pa.array(
                [
                    None if attributes is None else json.dumps(attributes[row])
                    for row in range(count)
                ],
                pa.string(),
            ),
        }
    )
    store.connection.register("rows", rows)
    store.connection.execute(
        "INSERT INTO spans (trace_id, span_id, parent_span_id, run_id, ingest_seq, name, kind, "
        "status, start_ns, duration_ns, attributes) SELECT trace::UUID, span, parent, 1, 1, ?, "
        "'internal', 'unset', start, duration, attributes::JSON FROM rows",
        [name],
    )
    store.connection.unregister("rows")
