"""A store with requests on a GPU whose counters are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from latprobe.analysis.gpu.counters import Windows
from tests.analysis.gpu.simulated import Simulated, simulate
from tests.analysis.seeding import EPOCH_NS, MemoryStore, trace_hex

DEVICE = "GPU-1"


def insert(store: MemoryStore, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Adds the rows; columns they do not name are NULL."""
    keys = {key for row in rows for key in row}
    found = pa.Table.from_pylist([{key: row.get(key) for key in keys} for row in rows])
    store.connection.register("in_rows", found)
    store.connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM in_rows")
    store.connection.unregister("in_rows")


def sample(time_ns: int, metric: str, value: float, device: str = DEVICE) -> dict[str, Any]:
    """A row of `samples`."""
    return {
        "time_ns": time_ns,
        "source": "gpm",
        "device": device,
        "metric": metric,
        "value": value,
    }


def requests_on_a_gpu(
    stages: Mapping[str, tuple[float, float]],
    *,
    cpu_share: Mapping[str, float],
    requests: int = 120,
    seed: int = 1,
    device: str = DEVICE,
) -> tuple[MemoryStore, Simulated]:
    """`stages` as for `simulate`; each request's stages stand under a root "request"."""
    card = simulate(stages, requests=requests, seed=seed, noise=1.0)
    store = MemoryStore()
    store.add_run()
    insert(store, "spans", _spans(card, cpu_share))
    insert(store, "samples", _readings(card.windows, device))
    return store, card


def span_id(request: int, place: int) -> int:
    """Of a stage by its place in the request, from 1; 0 is the root."""
    return request * 16 + place + 1


def _spans(card: Simulated, cpu_share: Mapping[str, float]) -> list[dict[str, Any]]:
    count = len(card.names)
    start = card.segments.start_ns.reshape(-1, count) + EPOCH_NS
    end = card.segments.end_ns.reshape(-1, count) + EPOCH_NS
    rows: list[dict[str, Any]] = []
    for request in range(len(start)):
        common = {
            "trace_id": trace_hex(request + 1),
            "run_id": 1,
            "ingest_seq": 1,
            "kind": "internal",
            "status": "unset",
        }
        first, last = int(start[request, 0]), int(end[request, -1])
        root = {"span_id": span_id(request, 0), "name": "request", "start_ns": first}
        rows.append(common | root | {"duration_ns": last - first, "parent_span_id": None})
        for place, name in enumerate(card.names, 1):
            began = int(start[request, place - 1])
            length = int(end[request, place - 1]) - began
            share = cpu_share.get(name)
            rows.append(
                common
                | {
                    "span_id": span_id(request, place),
                    "parent_span_id": span_id(request, 0),
                    "name": name,
                    "start_ns": began,
                    "duration_ns": length,
                    "cpu_ns": None if share is None else int(length * share),
                }
            )
    return rows


def _readings(windows: Windows, device: str) -> list[dict[str, Any]]:
    rows = []
    columns = (windows.start_ns, windows.end_ns, windows.value)
    for start, end, value in zip(*(np.asarray(c).tolist() for c in columns), strict=True):
        rows.append(sample(EPOCH_NS + end, "gpu.sm_active_pct", value, device))
        rows.append(sample(EPOCH_NS + end, "gpu.gpm_window_ns", float(end - start), device))
    return rows
