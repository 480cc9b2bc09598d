"""`latprobe export` and `latprobe import`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli


@pytest.mark.usefixtures("store")
def test_what_is_exported_reports_the_same_after_an_import(cli: Cli, tmp_path: Path) -> None:
    out, other = str(tmp_path / "out"), str(tmp_path / "other")
    exported = cli("export", out)
    assert (exported.code, exported.err) == (0, "")
    assert exported.out == f"1 runs, 20 spans, 0 events, 4 usage, 0 samples written to {out}\n"
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
