"""The GPU report of a store, and what the general report takes from it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from latprobe.analysis.gpu.stages import NOT_READ, GpuReport, GpuStage, gpu_report
from latprobe.analysis.report import build_report
from latprobe.store.owner import StoreOwner
from tests.analysis.gpu.seeded_card import DEVICE, insert, requests_on_a_gpu, sample, span_id
from tests.analysis.seeding import EPOCH_NS, MS, MemoryStore, seed, trace_hex

H200 = Path(__file__).parents[3] / "sample_traces" / "h200_multimodal"
STAGES = {"decode": (40.0, 0.0), "encode": (60.0, 85.0), "generate": (150.0, 12.0)}
CPU = {"decode": 0.99, "encode": 0.2, "generate": 0.98}


@pytest.fixture(scope="module")
def card_store() -> MemoryStore:
    return requests_on_a_gpu(STAGES, cpu_share=CPU)[0]


def about(row: GpuStage) -> tuple[str, str | None]:
    return row.name, row.verdict


def test_each_stage_has_its_share_of_the_card_and_a_verdict(card_store: MemoryStore) -> None:
    report = gpu_report(card_store)
    assert report.devices == (DEVICE,)
    assert report.requests == 120
    assert {about(row) for row in report.stages} == {
        ("decode", "cpu-bound"),
        ("encode", "waiting"),  # by its CPU time: neither tensor cores nor DRAM were read
        ("generate", "host-bound"),
        ("request", None),
    }
    for row in report.stages:
        if row.name in STAGES:
            found = row.sm_active_pct
            assert found.value is not None
            assert abs(found.value - STAGES[row.name][1]) < 4
    assert report.idle_share is not None
    assert 0.05 < report.idle_share < 0.1


def test_kernel_profiles_and_notes_of_runs_count(card_store: MemoryStore) -> None:
    common = {"trace_id": trace_hex(1), "run_id": 1}
    insert(
        card_store,
        "kernel_profiles",
        [
            {**common, "span_id": span_id(0, 3), "stage": "generate", "wall_ns": 150 * MS,
             "busy_ns": 7 * MS, "kernels": 3000},
        ],
    )  # fmt: skip
    insert(
        card_store,
        "gpu_spans",
        [
            {**common, "span_id": span_id(0, 2), "device": DEVICE, "h2d_bytes": 240,
             "sync_wait_ns": 12 * MS, "alloc_peak_bytes": 99},
        ],
    )  # fmt: skip
    rows = gpu_report(card_store).by_name()
    card_store.connection.execute("DELETE FROM kernel_profiles")
    card_store.connection.execute("DELETE FROM gpu_spans")
    assert rows["generate"].verdict == "launch-bound"
    assert "Kernels of 2.3 us on average run 5%" in (rows["generate"].sentence or "")
    encode = rows["encode"]
    assert (encode.h2d_bytes, encode.sync_wait_ms, encode.memory_peak_bytes) == (2.0, 0.1, 99)


def test_the_report_takes_sm_activity_and_verdicts(card_store: MemoryStore) -> None:
    rows = {row.name: row for row in build_report(card_store).stages}
    assert rows["generate"].verdict == "host-bound"
    assert rows["generate"].gpu_sm_active_pct is not None
    assert abs(rows["generate"].gpu_sm_active_pct - 12) < 4
    # No GPU verdict, and neither does CPU time alone say enough.
    assert rows["encode"].verdict == "waiting"


def test_a_device_that_no_stage_used_is_said_and_not_attributed(card_store: MemoryStore) -> None:
    other = [
        sample(EPOCH_NS + at * 100 * MS, "gpu.sm_active_pct", 50.0, "GPU-2") for at in range(99)
    ]
    insert(card_store, "samples", other)
    note = {"trace_id": trace_hex(1), "span_id": span_id(0, 2), "run_id": 1, "device": DEVICE}
    insert(card_store, "gpu_spans", [note])
    report = gpu_report(card_store)
    card_store.connection.execute("DELETE FROM samples WHERE device = 'GPU-2'")
    card_store.connection.execute("DELETE FROM gpu_spans")
    assert {row.device for row in report.stages} == {DEVICE}
    assert report.notes == ("GPU-2: no stage is known to have used it, so nothing is attributed.",)


def test_without_a_gpu_there_is_one_note_and_nothing_else() -> None:
    store = MemoryStore()
    assert gpu_report(store) == GpuReport((), (), 0, notes=(NOT_READ,))
    store.add_run()
    store.add_spans([seed(1, None, "request", 0, 10)])
    assert gpu_report(store) == GpuReport((), (), 0, notes=(NOT_READ,))


def test_zero_length_stages_and_readings_out_of_order_break_nothing(
    card_store: MemoryStore,
) -> None:
    at = EPOCH_NS + 500 * MS
    card_store.add_spans([seed(9, span_id(0, 0), "empty", 5, 5)])
    rows = [sample(at - back * MS, "gpu.sm_active_pct", 1e9) for back in (5, 3, 9, 0)]
    insert(card_store, "samples", rows)  # without a window of their own: not used
    report = gpu_report(card_store)
    card_store.connection.execute("DELETE FROM samples WHERE value > 1e8")
    card_store.connection.execute("DELETE FROM spans WHERE name = 'empty'")
    found = report.by_name()
    assert found["empty"].sm_active_pct.value is None
    assert found["generate"].verdict == "host-bound"


def test_the_recorded_h200_pipeline_is_host_bound_in_llm_generate(tmp_path: Path) -> None:
    with StoreOwner(tmp_path) as owner:
        owner.import_folder(H200)
        verdicts = {row.name: row.verdict for row in build_report(owner.query).stages}
        generate = gpu_report(owner.query).by_name()["llm.generate"]
    assert verdicts["llm.generate"] == "host-bound"
    assert verdicts["image.decode"] == "cpu-bound"
    assert generate.sm_active_pct.value is None
    assert generate.utilization_pct.value is not None
    assert (generate.utilization_pct.low or 0) < 22.5 < (generate.utilization_pct.high or 0)
    assert generate.cold_runs == 1
    assert (generate.sentence or "").startswith("The GPU waits for Python: some kernel ran 2")


def test_the_report_is_plain_data(card_store: MemoryStore) -> None:
    from dataclasses import asdict

    found = json.loads(json.dumps(asdict(gpu_report(card_store))))
    assert found["stages"][0]["sm_active_pct"].keys() >= {"value", "low", "high", "reason"}
