"""Sampled kernel profiles, summed by stage."""

from __future__ import annotations

import json

from latprobe.analysis.gpu.kernels import KernelStage, kernel_stages
from latprobe.analysis.scope import EVERYTHING, Scope
from tests.analysis.gpu.seeded_card import insert
from tests.analysis.seeding import MemoryStore, seed, trace_hex


def profile(trace: int, stage: str, **columns: object) -> dict[str, object]:
    return {"trace_id": trace_hex(trace), "span_id": 2, "run_id": 1, "stage": stage, **columns}


def profiled() -> MemoryStore:
    store = MemoryStore()
    store.add_run()
    store.add_spans([seed(2, None, "encode", 0, 10, trace=trace) for trace in (1, 2)])
    rows = [
        profile(
            trace,
            "encode",
            wall_ns=1000,
            busy_ns=600,
            kernels=3,
            launch_gap_ns=100,
            copy_ns=50,
            copy_bytes=64,
            top=json.dumps([{"name": "gemm", "ns": 400, "count": 2}]),
            profile_cost_ns=7,
        )
        for trace in (1, 2)
    ]
    insert(store, "kernel_profiles", rows)
    return store


def test_profiles_of_a_stage_are_summed() -> None:
    assert kernel_stages(profiled(), EVERYTHING) == {
        "encode": KernelStage(
            samples=2,
            kernels=6,
            busy_share=0.6,
            copy_share=0.05,
            launch_gap_share=0.1,
            mean_kernel_ns=200.0,
            copy_bytes=128,
            top=(("gemm", 800, 4),),
            cost_ns=14,
        )
    }


def test_only_profiles_of_the_scope_count() -> None:
    assert kernel_stages(profiled(), Scope(stage="decode")) == {}


def test_a_stage_without_a_kernel_has_no_mean() -> None:
    store = profiled()
    store.connection.execute("DELETE FROM kernel_profiles")
    insert(store, "kernel_profiles", [profile(1, "encode", wall_ns=0, busy_ns=0, kernels=0)])
    found = kernel_stages(store, EVERYTHING)["encode"]
    assert (found.busy_share, found.mean_kernel_ns, found.copy_share) == (None, None, None)
