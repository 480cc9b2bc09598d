"""`latprobe gpu`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

H200 = Path(__file__).parents[2] / "sample_traces" / "h200_multimodal"


def test_stages_have_intervals_a_verdict_and_a_sentence(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    assert cli("import", str(H200)).code == 0
    found = cli("gpu")
    assert (found.code, found.err) == (0, "")
    lines = found.out.splitlines()
    assert lines[0].startswith(
        "NVIDIA H200 0 on NVIDIA H200 host, 16 cores · 30 requests of h200-multimodal · "
        "no request in 1.4 % of 35.63 s of runs"
    )
    (generate,) = [line for line in lines if line.startswith("llm.generate  ")]
    assert generate.split()[-1] == "host-bound"
    assert "22 (" in generate
    assert "llm.generate: The GPU waits for Python: " in found.out
    assert "image.to_gpu: too little of the time was spent in it" in found.out


def test_json_has_each_figure_with_its_interval_or_its_reason(cli: Cli) -> None:
    cli("import", str(H200))
    found = json.loads(cli("gpu", "--json").out)
    rows = {row["name"]: row for row in found["stages"]}
    assert rows["llm.generate"]["utilization_pct"].keys() == {
        "value", "low", "high", "windows", "reason", "twins", "together",
    }  # fmt: skip
    assert rows["llm.generate"]["sm_active_pct"]["reason"] == "not recorded"
    assert (found["devices"], found["requests"]) == (["0"], 30)


@pytest.mark.usefixtures("store")
def test_without_a_gpu_it_says_so(cli: Cli) -> None:
    assert cli("gpu") == (
        3,
        "",
        "latprobe: error: No GPU was read while these requests ran; `latprobe doctor` says why.\n",
    )


@pytest.mark.usefixtures("store")
def test_json_without_a_gpu_is_a_report_of_nothing(cli: Cli) -> None:
    assert json.loads(cli("gpu", "--json").out)["stages"] == []
