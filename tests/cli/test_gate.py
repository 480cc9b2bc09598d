"""`latprobe compare` and `latprobe gate`."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.main import get_command

from latprobe.cli.main import app
from tests.cli.conftest import Cli
from tests.cli.two_runs import seed_runs


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once; each test works on a copy."""
    return seed_runs(tmp_path_factory.mktemp("seeded") / "store", requests=120, extra_stage_in=3)


@pytest.fixture
def runs(seeded: Path, tmp_path: Path) -> Path:
    """Runs 1 and 2 of the same program; in run 3 `llm` takes a fifth longer and `rerank` is new."""
    return Path(shutil.copytree(seeded, tmp_path / "store"))


@pytest.mark.usefixtures("runs")
def test_compare_takes_the_last_two_runs_and_names_the_stage(cli: Cli) -> None:
    found = cli("compare")
    assert (found.code, found.err) == (0, "")
    assert found.out.startswith("Requests got slower: p50 +")
    assert "Before: run 2 (1.2), 120 requests. After: run 3 (1.3), 120 requests." in found.out
    assert "Stages that appeared: rerank." in found.out


@pytest.mark.usefixtures("runs")
def test_compare_as_json_has_the_documented_keys(cli: Cli) -> None:
    found = json.loads(cli("compare", "--before", "1", "--after", "1.2", "--json").out)
    assert set(found) == {"before", "after", "requests_before", "requests_after", "rows", "notes"}
    assert (found["before"], found["after"]) == ("run 1 (1.1)", "run 2 (1.2)")
    assert set(found["rows"][0]) == {
        *("stage", "metric", "before", "after", "change", "change_ci95", "effect_ms"),
        *("effect_ci95_ms", "verdict", "adjusted_p", "count_before", "count_after"),
    }
    assert {row["verdict"] for row in found["rows"]} <= {"same", "unclear"}


@pytest.mark.usefixtures("runs")
def test_a_gate_fails_with_a_table_and_passes_the_same_program(cli: Cli) -> None:
    limits = ["--max", "p95=+5%", "--max", "output_tokens=+10%", "--budget", "p95_ms=2000"]
    failed = cli("gate", "--baseline", "2", *limits)
    assert failed.code == 1
    assert failed.out.startswith("failed: ")
    assert "FAIL" in failed.out
    assert cli("gate", "--baseline", "1", "--after", "2").code == 0
    assert cli("gate", "--budget", "p50_ms=2000").code == 0
    assert cli("gate", "--budget", "p50_ms=2").code == 1


@pytest.mark.usefixtures("runs")
def test_the_summary_goes_to_a_pull_request(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary, file = tmp_path / "summary.md", tmp_path / "gate.md"
    summary.write_text("before\n", "utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    found = cli("gate", "--baseline", "2", "--max", "p50=+5%", "--markdown", str(file), "--json")
    assert (found.code, json.loads(found.out)["passed"]) == (1, False)
    text = file.read_text("utf-8")
    assert summary.read_text("utf-8") == "before\n" + text
    assert text.startswith("### latprobe: failed: 1 of 1 limit broken (120 requests against 120)")
    assert "| **FAIL** |" in text
    assert cli("gate", "--baseline", "2", "--max", "p50=+5%", "--markdown", "-").out == text


@pytest.mark.usefixtures("runs")
def test_a_baseline_file_or_an_exported_folder_stands_for_a_run(cli: Cli, tmp_path: Path) -> None:
    file, folder = tmp_path / "base.json", tmp_path / "exported"
    assert cli("gate", "--after", "2", "--save", str(file)).code == 0
    assert cli("export", str(folder), "--run", "2").code == 0
    asked = [
        json.loads(cli("gate", "--baseline", str(base), "--max", "p50=+5%", "--json").out)
        for base in (file, folder, "2")
    ]
    values = [[row["before"] for row in each["rows"]] for each in asked]
    assert values[1] == pytest.approx(values[2])
    assert values[0] == pytest.approx(values[2], rel=1e-5)
    assert [each["passed"] for each in asked] == [False] * 3


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize("asked", ["gate --baseline", "compare --before"])
def test_a_run_is_not_compared_with_the_baseline_it_was_saved_as(
    cli: Cli, tmp_path: Path, asked: str
) -> None:
    file = tmp_path / "main.json"
    assert cli("gate", "--save", str(file)).code == 0
    found = cli(*asked.split(), str(file))
    assert (found.code, found.out) == (3, "")
    assert "record a run of the change first" in found.err
    assert found.err.count("\n") == 1


def test_too_few_requests_pass_with_a_warning_or_fail_as_asked(cli: Cli, tmp_path: Path) -> None:
    seed_runs(tmp_path / "store", (1.0, 1.6), requests=4)
    found = cli("gate", "--baseline", "1", "--max", "p50=+5%")
    assert (found.code, "cannot tell" in found.out) == (0, True)
    assert "so few requests" in found.err
    assert cli("gate", "--baseline", "1", "--max", "p50=+5%", "--on-unclear", "fail").code == 1


@pytest.mark.usefixtures("runs")
def test_a_named_figure_that_was_not_measured_passes_or_fails_as_asked(cli: Cli) -> None:
    asked = ("gate", "--budget", "ocr:cost_usd=1")
    found = cli(*asked)
    assert found.code == 0
    assert found.out.startswith("nothing to judge: none of the figures was measured")
    assert cli(*asked, "--on-unclear", "fail").code == 1


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("line", "code", "sentence"),
    [
        ("gate --baseline 1 --max p95=banana", 2, "'banana' is not a change"),
        ("gate --max p95=+5%", 2, "name it with --baseline"),
        ("gate", 2, "Say what to check"),
        ("gate --baseline nope.json", 3, "no baseline nope.json yet"),
        ("gate --baseline 3 --max p95=+5%", 2, "Name another --baseline"),
        ("gate --baseline 1 --max orc:p95=+5%", 2, "Did you mean 'ocr'?"),
        ("gate --baseline 1 --max p95=+5% --max p95=+6%", 2, "Two --max are of the same"),
        ("compare --before 1.22", 3, "Did you mean '1.2'?"),
        ("compare --before 3", 2, "nothing can have changed"),
        ("compare --before 1.3", 2, "nothing can have changed"),
        ("compare --before window:1h", 2, "is not a window"),
        ("compare --before window:1h..2h", 2, "ends before it starts"),
        ("compare --before window:2001-01-01..2001-02-01", 3, "has no requests"),
        ("compare --service doc-qb", 3, "Did you mean 'doc-qa'?"),
        ("compare --after 1", 3, "only one run"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_sentence(
    cli: Cli, line: str, code: int, sentence: str
) -> None:
    found = cli(*line.split())
    assert (found.code, found.out) == (code, "")
    assert sentence in found.err
    assert found.err.count("\n") == 1


def test_what_the_page_on_gates_shows_can_be_typed() -> None:
    page = (Path(__file__).parents[2] / "docs" / "gate.md").read_text("utf-8")
    commands = get_command(app).commands  # type: ignore[attr-defined]  # a group
    joined = re.sub(r"\n +(?=--)", " ", page)
    typed = re.findall(r"latprobe (gate|compare|run|export)\b([^`\n)&]*)", joined)
    assert len(typed) > 8
    for name, rest in typed:
        known = {option for each in commands[name].params for option in each.opts}
        asked = re.findall(r"(?<!\S)(--[a-z][a-z-]*)", rest.split(" -- ")[0])
        assert set(asked) <= known | {"--"}, (name, rest)


def test_the_workflow_asks_for_the_runner_only_in_its_steps() -> None:
    """GitHub refuses the whole file else: what runs a job is not known before its steps."""
    page = (Path(__file__).parents[2] / "docs" / "gate.md").read_text("utf-8")
    workflow = next(
        each for each in re.findall(r"```yaml\n(.*?)```", page, re.S) if "jobs:" in each
    )
    before, steps = workflow.split("    steps:\n")
    assert "${{ runner." not in before
    assert "LATPROBE_HOME" in steps
