"""`latprobe demo`, with a small program in the example's place."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from latprobe.cli import demo, demo_files
from tests.cli.conftest import CHECKOUT, Cli
from tests.cli.seeded_store import seed

EXAMPLE = """
import sys
import latprobe

with latprobe.stage("document_qa.request"):
    with latprobe.stage("llm.answer"):
        pass
print("options", sys.argv[1:])
"""


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "app.py"
    path.write_text(EXAMPLE)
    monkeypatch.setattr(demo_files, "EXAMPLE", (path,))
    monkeypatch.setattr(demo_files, "SAMPLES", (tmp_path / "samples",))
    return path


def test_it_records_the_example_beside_the_users_store_and_reports(
    cli: Cli, example: Path, tmp_path: Path
) -> None:
    found = cli("demo", "--seconds", "2", "--concurrency", "3", "--no-dashboard")
    home = tmp_path / "store-demo"
    lines = found.out.splitlines()
    assert (found.code, lines[0]) == (0, "options ['--seconds', '2', '--concurrency', '3']")
    assert "owns" in lines[1]
    assert found.err.splitlines() == [
        f"latprobe: the demo's store is {home}",
        f"latprobe: running {example} for 2 s, 3 requests at a time",
        f"latprobe: what to change in this run: latprobe advise --home {home} --run 1",
        f"latprobe: see it in a browser, on http://127.0.0.1:8788/?run=1: "
        f"latprobe dashboard --home {home} --run 1",
    ]
    assert home.is_dir()
    assert not (tmp_path / "store").exists()


@pytest.mark.usefixtures("example")
def test_it_loads_the_sample_traces_once(cli: Cli, tmp_path: Path) -> None:
    seed(tmp_path / "recorded")
    cli("export", str(tmp_path / "samples" / "one"), "--home", str(tmp_path / "recorded"))
    for _ in range(2):
        found = cli("demo", "--no-dashboard", "--home", str(tmp_path / "d"))
        assert found.code == 0
        assert "1 sample recording of other pipelines is in this store too" in found.err
    # The demo ran twice beside the sample: each of them names its own run.
    own = "SELECT max(run_id) AS run_id FROM runs"
    number = cli("sql", own, "--csv", "--home", str(tmp_path / "d")).out.split()[1]
    assert f"dashboard --home {tmp_path / 'd'} --run {number}\n" in found.err
    count = "SELECT count(*) AS n FROM spans WHERE name = 'ocr'"
    assert cli("sql", count, "--csv", "--home", str(tmp_path / "d")).out == "n\n4\n"


@pytest.mark.usefixtures("example")
def test_a_sample_that_cannot_be_read_is_left_out_with_a_warning(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "samples" / "torn").mkdir(parents=True)
    (tmp_path / "samples" / "torn" / "manifest.json").write_text("{")
    found = cli("demo", "--no-dashboard")
    assert found.code == 0
    assert "warning: the sample traces are left out: " in found.err


def test_an_example_that_fails_fails_the_demo(cli: Cli, example: Path) -> None:
    example.write_text("raise SystemExit(7)")
    found = cli("demo", "--no-dashboard")
    assert (found.code, found.out) == (7, "")
    assert "the example ended with exit code 7" in found.err


@pytest.mark.usefixtures("example")
def test_a_missing_package_of_the_example_names_the_pip_line(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    found = cli("demo")
    assert (found.code, found.out) == (2, "")
    assert f"{sys.executable} -m pip install openai\n" in found.err


def test_a_copy_without_the_example_says_what_to_do(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(demo_files, "EXAMPLE", (tmp_path / "none",))
    found = cli("demo")
    assert (found.code, found.out) == (2, "")
    assert "has no example in it; reinstall it" in found.err


def test_the_example_of_this_checkout_is_found() -> None:
    assert demo_files.find_example() == CHECKOUT / "examples" / "document_qa" / "app.py"


@pytest.mark.usefixtures("example")
def test_the_dashboard_opens_on_request(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[tuple[Path, bool, dict[str, str]]] = []
    monkeypatch.setattr(
        "latprobe.cli.dashboard.serve_dashboard",
        lambda home, *, host, port, open_browser, filters: served.append(
            (home, open_browser, filters)
        ),
    )
    assert cli("demo", "--dashboard").code == 0
    assert served == [(demo.demo_home(), True, {"run": "1"})]


def test_the_dashboard_command_chooses_a_run_in_its_address(
    cli: Cli, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[dict[str, object]] = []
    monkeypatch.setattr(
        "latprobe.cli.dashboard.serve_dashboard",
        lambda home, **given: served.append({"home": home, **given}),
    )
    assert cli("dashboard", "--run", "latest", "--service", "doc-qa").code == 0
    assert (served[0]["home"], served[0]["filters"]) == (store, {"service": "doc-qa", "run": "1"})
    assert cli("dashboard", "--run", "77").code == 3
