"""What the report says of the recording of the vision example on an H200."""

from __future__ import annotations

from pathlib import Path

import pytest

from latprobe.analysis.gpu.stages import GpuReport, gpu_report
from latprobe.store.owner import StoreOwner

SAMPLE = Path(__file__).parents[3] / "sample_traces" / "vision_llm"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> GpuReport:
    owner = StoreOwner(tmp_path_factory.mktemp("home"))
    try:
        owner.import_folder(SAMPLE)
        return gpu_report(owner.query)
    finally:
        owner.close()


def test_stages_whose_code_says_what_binds_them_have_that_verdict(report: GpuReport) -> None:
    assert report.requests == 220
    found = {row.name: row.verdict for row in report.stages}
    expected = {
        "llm.generate": "launch-bound",
        "image.resize": "cpu-bound",
        "image.decode": "cpu-bound",
        "vision.encode": "compute-bound",
        "text.embed": "launch-bound",
    }
    assert {name: found[name] for name in expected} == expected


def test_a_stage_that_begins_with_other_work_leaves_sm_without_a_figure(report: GpuReport) -> None:
    generate = report.by_name()["llm.generate"]
    assert generate.sm_active_pct.value is None
    assert "does not load the GPU evenly" in (generate.sm_active_pct.reason or "")
    tensor = report.by_name()["vision.encode"].tensor_active_pct
    assert tensor.value is not None
    assert 65 < tensor.value < 90


def test_it_tells_nothing_of_the_machine_it_was_recorded_on() -> None:
    content = b"".join(path.read_bytes() for path in SAMPLE.iterdir())
    assert len(content) < 500_000
    for folder in (b"/home/", b"/root/", b"/tmp/"):
        assert folder not in content
