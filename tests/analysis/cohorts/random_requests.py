"""Stores of many requests with random latencies, filled through Arrow."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tests.analysis.seeding import EPOCH_NS, MemoryStore

SECOND_NS = 1_000_000_000


def noise(rng: np.random.Generator, count: int, *, memory: float = 0.0) -> NDArray[np.float64]:
    """Normal values; each keeps `memory` (0..1) of the one before it."""
    steps = rng.normal(size=count)
    found = np.empty(count)
    value = rng.normal()
    for at, step in enumerate(steps):
        value = memory * value + np.sqrt(1 - memory * memory) * step
        found[at] = value
    return found


def request_store(
    rng: np.random.Generator,
    count: int,
    *,
    factor: float = 1.0,
    share: float = 0.2,
    memory: float = 0.0,
    more_attributes: int = 0,
) -> MemoryStore:
    """Requests of a root, an LLM call and an image stage, lognormal with sigma 0.25.

    A `share` of them has the attribute `shard` = "b" on its root, and takes `factor` as long.
    Everything else says nothing about latency. `more_attributes` numbers stand on the image stage.
    """
    latency = 1e8 * np.exp(0.25 * noise(rng, count, memory=memory))
    planted = rng.random(count) < share
    latency = np.where(planted, latency * factor, latency).astype(np.int64)
    start = EPOCH_NS + np.cumsum(rng.exponential(2e8, count)).astype(np.int64)
    root = [
        json.dumps({"shard": "b" if flag else "a", "user.tier": tier, "id": f"r-{at}"})
        for at, (flag, tier) in enumerate(
            zip(planted.tolist(), rng.choice(["free", "pro", "team"], count), strict=True)
        )
    ]
    image = [
        json.dumps(
            {"bytes": int(size), "batch": int(batch), **{f"x{k}": v for k, v in enumerate(rest)}}
        )
        for size, batch, rest in zip(
            rng.lognormal(12, 1, count), rng.integers(1, 9, count),
            rng.normal(size=(count, more_attributes)).tolist(), strict=True,
        )
    ]  # fmt: skip
    store = MemoryStore()
    for run in range(1, 4):
        store.add_run(run, host=f"host-{run}", version="1.0")
    rows = pa.table(
        {
            "request": np.arange(count),
            "start_ns": start,
            "duration_ns": latency,
            "run_id": rng.integers(1, 4, count),
            "root": root,
            "image": image,
            "given": rng.integers(100, 2000, count),
            "made": rng.integers(10, 400, count),
            "model": rng.choice(["m-1", "m-2"], count),
        }
    )
    _fill(store, rows)
    return store


def _fill(store: MemoryStore, rows: pa.Table) -> None:
    store.connection.register("incoming", rows)
    store.connection.execute(
        """
        INSERT INTO spans BY NAME
        SELECT format('{:032x}', request + 1)::UUID AS trace_id, k + 1 AS span_id,
               CASE WHEN k > 0 THEN 1 END AS parent_span_id, run_id, 1 AS ingest_seq,
               ['request', 'llm', 'image'][k + 1] AS name, 'internal' AS kind, 'unset' AS status,
               start_ns + k AS start_ns, duration_ns - k AS duration_ns, 1 AS pid,
               CASE WHEN k > 0 THEN false END AS remote_parent,
               CASE WHEN k = 1 THEN model END AS model,
               CASE WHEN k = 1 THEN given END AS input_tokens,
               CASE WHEN k = 1 THEN made END AS output_tokens,
               CASE WHEN k = 0 THEN root WHEN k = 2 THEN image END AS attributes
        FROM incoming, range(3) t(k);
        INSERT INTO usage BY NAME
        SELECT trace_id, span_id, run_id, start_ns, name AS stage, model, input_tokens,
               output_tokens, 'provider' AS origin
        FROM spans WHERE input_tokens IS NOT NULL
        """
    )
    store.connection.unregister("incoming")
