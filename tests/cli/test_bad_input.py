"""Stores that cannot be used: one sentence, the documented code, the program unharmed."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pytest

from tests.cli.conftest import Cli


def only_sentence(err: str) -> str:
    """The one line of an error."""
    assert err.startswith("latprobe: error: ")
    assert err.count("\n") == 1
    return err


def test_a_store_from_a_newer_version_is_left_alone(cli: Cli, store: Path) -> None:
    with duckdb.connect(str(store / "latprobe.duckdb")) as con:
        con.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    found = cli("report")
    assert (found.code, found.out) == (4, "")
    assert "pgrade latprobe" in only_sentence(found.err)


def test_a_file_in_the_stores_place_is_a_store_fault(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "file").write_text("not a folder")
    found = cli("import", str(tmp_path / "export"), "--home", str(tmp_path / "file"))
    assert (found.code, found.out) == (4, "")
    assert "cannot be used as the store folder" in only_sentence(found.err)


def test_a_folder_that_cannot_be_written_is_a_store_fault(cli: Cli, tmp_path: Path) -> None:
    found = cli("import", str(tmp_path), "--home", "/proc/latprobe")
    assert (found.code, found.out) == (4, "")
    assert "Set LATPROBE_HOME to a folder you can write" in only_sentence(found.err)


def test_garbage_among_the_segments_does_not_hide_the_rest(cli: Cli, store: Path) -> None:
    (store / "journal" / "1-0-aa.lpj").write_bytes(b"garbage" * 1000)
    (store / "journal" / "notes.txt").write_text("mine")
    assert cli("sql", "SELECT count(*) AS n FROM spans", "--csv").out == "n\n20\n"
    kept = {path.name: path.read_bytes() for path in (store / "quarantine").iterdir()}
    assert kept == {"1-0-aa.lpj": b"garbage" * 1000, "notes.txt": b"mine"}


def test_a_program_runs_on_where_its_store_cannot_be_written(cli: Cli) -> None:
    program = "import latprobe\nwith latprobe.stage('a'): print('works')\nraise SystemExit(3)"
    found = cli("run", "--home", "/proc/latprobe", "--", sys.executable, "-c", program)
    assert (found.code, found.out) == (3, "works\n")
    assert "/proc/latprobe" in found.err
    assert "Traceback" not in found.err


@pytest.mark.parametrize(
    ("name", "value"), [("LATPROBE_AGENT", "perhaps"), ("LATPROBE_CONTENT", "some")]
)
def test_a_wrong_setting_is_a_usage_error_that_names_it(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    found = cli("report")
    assert (found.code, found.out) == (2, "")
    assert f"{name} is {value!r}; write" in only_sentence(found.err)
