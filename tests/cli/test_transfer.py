"""`latprobe export` and `latprobe import`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.agent.otlp_backend import backend, partial
from tests.cli.conftest import Cli


@pytest.mark.usefixtures("store")
def test_what_is_exported_reports_the_same_after_an_import(cli: Cli, tmp_path: Path) -> None:
    out, other = str(tmp_path / "out"), str(tmp_path / "other")
    exported = cli("export", out)
    assert (exported.code, exported.err) == (0, "")
    assert exported.out == f"1 run, 20 spans, 0 events, 4 usage, 0 samples written to {out}\n"
    imported = cli("import", out, "--home", other, "--json")
    assert json.loads(imported.out) == {
        "runs": 1,
        "spans": 20,
        "events": 0,
        "usage": 4,
        "samples": 0,
    }
    assert cli("report", "--home", other).out == cli("report").out


@pytest.mark.usefixtures("store")
def test_importing_twice_adds_nothing(cli: Cli, tmp_path: Path) -> None:
    cli("export", str(tmp_path / "out"))
    assert json.loads(cli("import", str(tmp_path / "out"), "--json").out)["spans"] == 0


@pytest.mark.usefixtures("store")
def test_filters_choose_what_is_exported(cli: Cli, tmp_path: Path) -> None:
    found = cli("export", str(tmp_path / "out"), "--since", "2026-11-02T12:00:02", "--json")
    assert json.loads(found.out)["spans"] == 10


@pytest.mark.usefixtures("store")
def test_nothing_is_written_when_nothing_fits(cli: Cli, tmp_path: Path) -> None:
    found = cli("export", str(tmp_path / "out"), "--service", "other")
    assert (found.code, found.out) == (3, "")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("store")
def test_an_export_is_not_written_over(cli: Cli, tmp_path: Path) -> None:
    cli("export", str(tmp_path / "out"))
    found = cli("export", str(tmp_path / "out"))
    assert (found.code, found.out) == (2, "")
    assert "already holds an export. Name another folder." in found.err


def test_a_folder_that_is_no_export_is_refused(cli: Cli, tmp_path: Path) -> None:
    found = cli("import", str(tmp_path))
    assert (found.code, found.out) == (2, "")
    assert "is not a latprobe export" in found.err


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("name", ["otlp-json", "perfetto", "csv"])
def test_a_file_is_written_once_and_only_this_user_can_read_it(
    cli: Cli, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "sub" / f"out.{name}"
    first = cli("export", "--format", name, str(path), "--since", "2026-11-02T12:00:02")
    mode, content = path.stat().st_mode & 0o777, path.read_bytes()
    again = cli("export", "--format", name, str(path))

    assert (first.code, first.out, first.err) == (0, f"10 spans written to {path}\n", "")
    assert (again.code, path.read_bytes() == content, mode) == (2, True, 0o600)
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("name", ["otlp-json", "perfetto"])
def test_a_file_of_another_format_reports_the_same_after_an_import(
    cli: Cli, tmp_path: Path, name: str
) -> None:
    path, other = str(tmp_path / "out.json"), str(tmp_path / "other")
    cli("export", "--format", name, path)
    imported = cli("import", path, "--home", other, "--json")
    counts = [json.loads(cli("import", path, "--home", other, "--json").out)["spans"]]
    counts.insert(0, json.loads(imported.out)["spans"])
    wanted, found = (
        json.loads(cli("report", "--json", *more).out)["stages"] for more in ((), ("--home", other))
    )

    assert (imported.code, imported.err, counts) == (0, "", [20, 0])
    assert found == wanted


@pytest.mark.usefixtures("store")
def test_history_is_sent_to_a_backend(cli: Cli) -> None:
    with backend() as server:
        sent = cli("export", "--to", f"http://127.0.0.1:{server.port}")
        as_json = cli("export", "--to", f"http://127.0.0.1:{server.port}", "--json")

    assert (sent.code, sent.out, sent.err) == (0, "20 spans sent\n", "")
    assert json.loads(as_json.out) == {"spans": 20, "rejected": 0, "refused": 0}
    assert (len(server.kept), len(set(server.kept))) == (40, 20)


@pytest.mark.usefixtures("store")
def test_what_a_backend_does_not_take_is_said_and_is_a_failure(cli: Cli) -> None:
    with backend() as server:
        server.next = [partial(2, "no parents")]
        found = cli("export", "--to", f"http://127.0.0.1:{server.port}")

    assert (found.code, found.out) == (4, "18 spans sent, 2 not taken by the backend\n")
    assert found.err == "latprobe: warning: no parents\n"


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "xml", "x"], "write one of parquet, otlp, otlp-json, perfetto, csv"),
        (["--format", "otlp", "x"], "write --format otlp-json PATH"),
        (["--format", "csv", "--to", "http://h", "x"], "--to is for --format otlp"),
        (["--format", "csv"], "Name the file or folder"),
        (["--format", "otlp"], "write --to http://HOST:4318"),
        (["--to", "ftp://h"], "is no address"),
    ],
)
def test_arguments_that_make_no_sense_together_are_refused(
    cli: Cli, arguments: list[str], message: str
) -> None:
    found = cli("export", *arguments)
    assert (found.code, found.out, message in found.err) == (2, "", True)


def test_a_file_that_is_no_trace_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    found = cli("import", str(tmp_path / "notes.txt"))
    assert (found.code, found.out, "is not imported" in found.err) == (2, "", True)
