"""`latprobe slow`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.dashboard.seeding import seed


@pytest.fixture
def requests(tmp_path: Path) -> Path:
    """600 requests in an hour; every third has an audio stage, and the LLM is slow for a while."""
    return seed(tmp_path / "store", requests=600)


@pytest.mark.usefixtures("requests")
def test_it_names_what_slow_requests_have_in_common_and_when_stages_changed(cli: Cli) -> None:
    found = cli("slow")
    assert (found.code, found.err) == (0, "")
    lines = found.out.splitlines()
    assert lines[0].startswith("30 of 600 requests took ")
    assert any(line.startswith("runs of audio.transcribe") for line in lines)
    assert any(line.startswith("llm.") and ": p50 " in line and " until " in line for line in lines)


@pytest.mark.usefixtures("requests")
def test_json_has_all_figures(cli: Cli) -> None:
    found = json.loads(cli("slow", "--json").out)
    assert found.keys() == {"slow_against_fast", "changes", "tried", "refused"}
    findings = found["slow_against_fast"]["findings"]
    assert findings[0]["ratio_ci95"][0] < findings[0]["latency_ratio"]
    assert found["changes"][0]["ratio"] > 1.5


@pytest.mark.usefixtures("store")
def test_few_requests_are_refused_with_a_reason(cli: Cli) -> None:
    found = cli("slow")
    assert found.code == 0
    assert found.out.startswith("Only 4 requests are recorded here; slow against fast needs 100")


@pytest.mark.usefixtures("store")
def test_a_stage_that_does_not_exist_is_an_error(cli: Cli) -> None:
    found = cli("slow", "--stage", "ocrr")
    assert (found.code, found.out) == (3, "")
    assert "Did you mean 'ocr'?" in found.err
