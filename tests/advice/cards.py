"""Stores with requests on a GPU of which all counters were read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from latprobe.analysis.gpu.occupancy import occupancy
from tests.analysis.gpu.seeded_card import DEVICE, insert, requests_on_a_gpu, sample, span_id
from tests.analysis.seeding import EPOCH_NS, MS, MemoryStore, trace_hex

DELAY_NS = 7 * MS


@dataclass(frozen=True)
class Load:
    """A stage of `ms`: what it makes the counters read, and the share its thread is busy."""

    ms: float
    sm: float = 0.0
    tensor: float = 0.0
    dram: float = 0.0
    utilization: float | None = None
    cpu: float = 0.1


def card(stages: Mapping[str, Load], *, requests: int = 120) -> MemoryStore:
    """Requests one after another, their stages in turn under a root "request"."""
    store, known = requests_on_a_gpu(
        {name: (load.ms, load.sm) for name, load in stages.items()},
        cpu_share={name: load.cpu for name, load in stages.items()},
        requests=requests,
    )
    start, end = known.windows.start_ns - DELAY_NS, known.windows.end_ns - DELAY_NS
    share = occupancy(known.segments, len(known.names), start, end)
    noise = np.random.default_rng(3)
    for metric, field in (
        ("gpu.tensor_active_pct", "tensor"),
        ("gpu.dram_active_pct", "dram"),
        ("gpu.utilization_pct", "utilization"),
    ):
        levels = [getattr(load, field) for load in stages.values()]
        if None in levels:
            continue
        read = np.clip(share @ np.array(levels) + noise.normal(0, 1, len(start)), 0, 100)
        rows = [
            sample(EPOCH_NS + int(at), metric, float(value))
            for at, value in zip(known.windows.end_ns, read, strict=True)
        ]
        insert(store, "samples", rows)
    return store


def profile(store: MemoryStore, place: int, stage: str, **columns: object) -> None:
    """A kernel profile of the stage at that place (from 1) in the first request."""
    row = {"trace_id": trace_hex(1), "run_id": 1, "span_id": span_id(0, place), "stage": stage}
    insert(store, "kernel_profiles", [{**row, **columns}])


def note(store: MemoryStore, place: int, *, requests: int, **columns: object) -> None:
    """What was noted of each run of the stage at that place."""
    rows = [
        {"trace_id": trace_hex(n + 1), "run_id": 1, "span_id": span_id(n, place),
         "device": DEVICE, **columns}
        for n in range(requests)
    ]  # fmt: skip
    insert(store, "gpu_spans", rows)
