"""A store whose requests ran on a GPU that is known: what each stage makes its counters read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from latprobe.analysis.gpu.occupancy import Floats, Segments, occupancy
from latprobe.analysis.spans import Ints
from latprobe.store.schema import ROLLUP_SELECT
from tests.dashboard.seeding import END_NS, add_runs, new_store

MS = 1_000_000
UUID = "GPU-5f1c2a7e-0b57-4c1e-9d3a-1f0c6f2b8a11"
ROOT = "answer_image"
# Readings are this far apart; a GPM window ends where it was read.
ROUND_NS, WINDOW_NS, UTILIZATION_NS = 105 * MS, 100 * MS, 205 * MS
IDLE_POWER_MW = 122_000.0


@dataclass(frozen=True)
class Step:
    """A stage: what it takes, and what the card's counters read while it runs."""

    name: str
    modality: str | None
    usual_ms: float
    cpu_share: float
    sm: float
    tensor: float
    dram: float
    utilization: float
    power_mw: float
    kernel_us: float = 0.0  # mean length of a kernel; 0 runs none
    busy: float = 0.0  # the share of the time in which a kernel runs
    copied_bytes: int = 0
    waits: float = 0.0  # the share of the time the thread waits for the GPU


STEPS = (
    Step("image.decode", "image", 42, 0.99, 0, 0, 0, 0, 124e3),
    Step("image.to_gpu", "image", 9, 0.96, 3, 0, 6, 60, 150e3, copied_bytes=23_040_000, waits=0.1),
    Step("vision.encode", "image", 55, 0.31, 84, 61, 24, 100, 560e3, 210, 0.97, waits=0.62),
    Step("llm.prefill", "text", 70, 0.25, 88, 63, 30, 100, 610e3, 180, 0.98, waits=0.7),
    Step("llm.decode", "text", 290, 0.99, 21, 2, 11, 96, 175e3, 5.1, 0.19, waits=0.02),
    Step("rerank.score", "retrieval", 60, 0.2, 91, 4, 79, 100, 430e3, 320, 0.99, waits=0.75),
    Step("answer.parse", "text", 6, 0.98, 0, 0, 0, 0, 124e3),
)
KERNELS = {
    "vision.encode": ("sm90_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize128x128x64", "fmha_v2_fwd"),
    "llm.prefill": ("sm90_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize128x256x64", "flash_fwd"),
    "llm.decode": ("gemvx::kernel<int, __nv_bfloat16>", "vectorized_elementwise_kernel<4>"),
    "rerank.score": ("vectorized_elementwise_kernel<4>", "reduce_kernel<512, 1>"),
}


def seed_gpu(
    home: Path,
    *,
    requests: int = 220,
    end_ns: int = END_NS,
    has_gpm: bool = True,
    has_notes: bool = True,
    device: str = UUID,
) -> Path:
    """A store of so many requests one after another, the last of which ends at `end_ns`.

    Without `has_gpm` the card has no hardware counters; without `has_notes` no stage has an event
    pair, a copy or a kernel profile.
    """
    with new_store(home) as connection:
        start, length = _times(requests, end_ns)
        first, last = int(start[0, 0]) - 4 * MS, int((start[-1] + length[-1]).max())
        add_runs(connection, start_ns=first, second_ns=end_ns)
        spans = _spans(start, length)
        _insert(connection, "spans", spans)
        _insert(connection, "samples", _samples(start, length, first, last, device, has_gpm))
        if has_notes:
            _insert(connection, "gpu_spans", _notes(spans, device))
            _insert(connection, "kernel_profiles", _profiles(spans))
        fact = {"index": 0, "name": "NVIDIA H200", "driver": "580.159.04"}
        connection.execute("INSERT INTO meta VALUES (?, ?)", [f"gpu:{device}", json.dumps(fact)])
        connection.execute(f"INSERT INTO rollups BY NAME {ROLLUP_SELECT} GROUP BY ALL")
        connection.execute("UPDATE meta SET value = '1' WHERE key IN ('rolled_seq', 'ingest_seq')")
        connection.execute("CHECKPOINT")
    return home


def _times(requests: int, end_ns: int) -> tuple[Ints, Ints]:
    random = np.random.default_rng(7)
    usual = np.array([step.usual_ms for step in STEPS])
    length = (usual * random.lognormal(0, 0.18, (requests, len(STEPS))) * MS).astype(np.int64)
    pause = (random.exponential(60, requests) * MS).astype(np.int64)
    within = np.cumsum(length, axis=1)
    begin = np.cumsum(within[:, -1] + pause) - within[:, -1]
    start = begin[:, None] + within - length
    return start + (end_ns - int((start + length).max())), length


def _spans(start: Ints, length: Ints) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for request, (starts, lengths) in enumerate(zip(start.tolist(), length.tolist(), strict=True)):
        trace = f"0{request:07x}-0000-4000-8000-{request + 1:012x}"
        root = request * 32 + 1
        common = {"trace_id": trace, "run_id": 1, "ingest_seq": 1, "kind": "internal"}
        common |= {"status": "ok", "pid": 4242, "thread": "MainThread"}
        whole = starts[-1] + lengths[-1] - starts[0] + 3 * MS
        rows.append(
            {**common, "span_id": root, "parent_span_id": None, "name": ROOT, "modality": None}
            | {"start_ns": starts[0] - 2 * MS, "duration_ns": whole, "cpu_ns": None}
        )
        for at, (step, begin, took) in enumerate(zip(STEPS, starts, lengths, strict=True)):
            rows.append(
                {**common, "span_id": root + at + 1, "parent_span_id": root, "name": step.name}
                | {"modality": step.modality, "start_ns": begin, "duration_ns": took}
                | {"cpu_ns": int(took * step.cpu_share)}
            )
    return rows


def _samples(
    start: Ints, length: Ints, first: int, last: int, device: str, has_gpm: bool
) -> list[dict[str, Any]]:
    random = np.random.default_rng(11)
    segments = Segments(
        np.tile(np.arange(len(STEPS)), len(start)), start.ravel(), (start + length).ravel()
    )

    def mean(
        every_ns: int, window_ns: int, values: list[float], idle: float
    ) -> tuple[Ints, Floats]:
        end = np.arange(first, last + every_ns, every_ns)
        active = occupancy(segments, len(STEPS), end - window_ns, end)
        found = active @ np.array(values) + (1 - active.sum(axis=1)) * idle
        return end, found

    rows: list[dict[str, Any]] = []

    def add(metric: str, times: Ints, values: Floats, source: str = "nvml") -> None:
        where = None if source == "host" else device
        rows.extend(
            {"time_ns": time, "source": source, "device": where, "metric": metric, "value": value}
            for time, value in zip(times.tolist(), values.tolist(), strict=True)
        )

    if has_gpm:
        for metric, values in (
            ("gpu.sm_active_pct", [step.sm for step in STEPS]),
            ("gpu.tensor_active_pct", [step.tensor for step in STEPS]),
            ("gpu.dram_active_pct", [step.dram for step in STEPS]),
        ):
            times, found = mean(ROUND_NS, WINDOW_NS, values, 0.0)
            noisy: Floats = np.clip(found + random.normal(0, 0.8, len(found)), 0, 100)
            add(metric, times, noisy, "gpm")
        add("gpu.gpm_window_ns", times, np.full(len(times), float(WINDOW_NS)), "gpm")
    times, found = mean(UTILIZATION_NS, UTILIZATION_NS, [s.utilization for s in STEPS], 0.0)
    add("gpu.utilization_pct", times, found.round())
    times, power = mean(ROUND_NS, WINDOW_NS, [s.power_mw for s in STEPS], IDLE_POWER_MW)
    add("gpu.power_mw", times, (power + random.normal(0, 2_000, len(power))).round())
    energy = (41_000_000 + np.cumsum(power) * ROUND_NS / 1e9).astype(np.float64)
    add("gpu.energy_mj", times[::48], energy[::48].round())
    seconds = np.arange(first, last + 1_000 * MS, 1_000 * MS)
    memory = np.where(np.arange(len(seconds)) % 7 > 3, 20.3e9, 18.2e9)
    add("gpu.memory_used_bytes", seconds, memory)
    add("gpu.memory_total_bytes", seconds[:1], np.array([150_754_820_096.0]))
    add("gpu.power_limit_mw", seconds[:1], np.array([700_000.0]))
    add("gpu.sm_clock_mhz", seconds, np.full(len(seconds), 1_980.0))
    add("gpu.temperature_c", seconds, 38 + 8 * np.linspace(0, 1, len(seconds)))
    add("gpu.throttle_reasons", seconds, np.zeros(len(seconds)))
    add("host.cpu_pct", seconds, 9 + random.normal(0, 1.2, len(seconds)), "host")
    return rows


def _notes(spans: list[dict[str, Any]], device: str) -> list[dict[str, Any]]:
    steps = {step.name: step for step in STEPS}
    rows = []
    for span in spans:
        step = steps.get(span["name"])
        if step is None or not step.utilization:
            continue
        took = span["duration_ns"]
        is_cold = span["span_id"] < 64
        rows.append(
            {key: span[key] for key in ("trace_id", "span_id", "run_id")}
            | {"device": device, "gpu_start_ns": span["start_ns"] + 40_000, "gpu_ns": took - 30_000}
            | {"gpu_lag_ns": 10_000, "sync_wait_ns": int(took * step.waits), "sync_waits": 1}
            | {
                "h2d_bytes": step.copied_bytes,
                "d2h_bytes": 4096 if step.name == "llm.decode" else 0,
            }
            | {"copies": 1, "alloc_peak_bytes": int(took * 40), "is_cold": is_cold}
        )
    return rows


def _profiles(spans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for step in STEPS:
        if not step.kernel_us:
            continue
        for span in [each for each in spans if each["name"] == step.name][5::50]:
            wall = int(span["duration_ns"] * 1.08)
            busy = int(wall * step.busy)
            kernels = int(busy / (step.kernel_us * 1_000))
            most, next_most = KERNELS[step.name]
            top = [
                {"name": most, "ns": int(busy * 0.7), "count": int(kernels * 0.4)},
                {"name": next_most, "ns": int(busy * 0.2), "count": int(kernels * 0.4)},
            ]
            rows.append(
                {key: span[key] for key in ("trace_id", "span_id", "run_id")}
                | {"stage": step.name, "wall_ns": wall, "busy_ns": busy, "kernels": kernels}
                | {"launch_gap_ns": int((wall - busy) * 0.9), "copy_ns": 0, "copy_bytes": 0}
                | {"top": json.dumps(top), "profile_cost_ns": int(span["duration_ns"] * 0.08)}
            )
    return rows


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    connection.register("seeded", pa.Table.from_pylist(rows))
    columns = ", ".join(_as(name) for name in rows[0])
    connection.execute(f"INSERT INTO {table} BY NAME SELECT {columns} FROM seeded")
    connection.unregister("seeded")


def _as(name: str) -> str:
    return f"{name}::UUID AS {name}" if name == "trace_id" else f"{name} AS {name}"
