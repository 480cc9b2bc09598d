"""`latprobe report`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import GOLDEN, Cli


@pytest.mark.usefixtures("store")
def test_the_report_names_the_stage_that_owns_the_critical_path(cli: Cli) -> None:
    assert cli("report") == (0, (GOLDEN / "report.txt").read_text("utf-8"), "")


@pytest.mark.usefixtures("store")
def test_a_narrow_window_loses_columns_and_says_which(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    found = cli("report")
    assert "Left out in this narrow window: p99, Count, Self/request, Cost." in found.out
    assert max(map(len, found.out.splitlines()[3:9])) <= 80


@pytest.mark.usefixtures("store")
def test_json_has_the_documented_keys(cli: Cli) -> None:
    found = json.loads(cli("report", "--json").out)
    assert set(found) >= {"traces", "spans", "window", "stages", "observer"}
    assert (found["traces"], found["spans"], set(found["window"])) == (4, 20, {"from", "to"})
    assert set(found["stages"][0]) >= {
        "name",
        "count",
        "errors",
        "p50_ms",
        "p95_ms",
        "p99_ms",
        "self_ms_per_trace",
        "critical_share",
        "input_tokens",
        "output_tokens",
        "cost_usd",
        "gpu_sm_active_pct",
        "verdict",
    }
    assert set(found["observer"]) >= {"recorded", "dropped", "coverage"}


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("options", "requests"),
    [
        (["--run", "latest"], 4),
        (["--run", "1"], 4),
        (["--run", "00000000-0000-4000"], 4),
        (["--service", "doc-qa"], 4),
        (["--since", "2026-11-02T12:00:02"], 2),
        (["--until", "2026-11-02T12:00:01"], 1),
    ],
)
def test_filters_choose_the_requests(cli: Cli, options: list[str], requests: int) -> None:
    assert json.loads(cli("report", "--json", *options).out)["traces"] == requests


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (["--service", "other"], 3, "Nothing recorded matches."),
        (["--run", "77"], 3, "No run matches --run 77"),
        (["--run", "zz"], 2, "--run 'zz' is not a run"),
        (["--since", "yesterday"], 2, "--since 'yesterday' is not a time; write 30m, 1h,"),
        (["--since", "1h", "--until", "2h"], 2, "--since is not before --until"),
    ],
)
def test_a_filter_that_finds_nothing_or_means_nothing_says_so(
    cli: Cli, options: list[str], code: int, sentence: str
) -> None:
    found = cli("report", *options)
    assert (found.code, found.out) == (code, "")
    assert sentence in found.err
    assert found.err.count("\n") == 1


def test_without_a_store_it_says_how_to_record(cli: Cli, tmp_path: Path) -> None:
    found = cli("report", "--home", str(tmp_path / "nothing"))
    assert (found.code, found.out) == (3, "")
    assert "latprobe run" in found.err
    assert not (tmp_path / "nothing").exists()
