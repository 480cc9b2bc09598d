"""What every reading command says of a store that is ill."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pytest

from latprobe.store import ingest
from tests.cli.conftest import Cli
from tests.cli.seeded_store import seed
from tests.journal.building import SegmentBuilder


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A store whose database is no database."""
    home = tmp_path / "store"
    home.mkdir()
    (home / "latprobe.duckdb").write_bytes(b"random bytes" * 1000)
    return home


def test_a_damaged_database_is_a_store_fault_as_long_as_the_store_is_empty(
    cli: Cli, damaged: Path
) -> None:
    for command in ("report", "report", "traces", "advise", "gpu", "latency", "probe", "prompts"):
        found = cli(command, "--home", str(damaged))
        assert (found.code, found.out) == (4, "")
        name = next(damaged.glob("latprobe.duckdb.damaged-*")).name
        assert f"was damaged and is kept aside as {name}." in found.err
        assert "put a backup back as latprobe.duckdb" in found.err


def test_a_question_that_an_empty_store_answers_has_a_warning(cli: Cli, damaged: Path) -> None:
    found = cli("sql", "SELECT count(*) AS n FROM spans", "--csv", "--home", str(damaged))
    assert (found.code, found.out) == (0, "n\n0\n")
    assert "was damaged and is kept aside as" in found.err


def test_what_the_journal_gave_back_is_shown_with_a_warning_once(cli: Cli, damaged: Path) -> None:
    build = SegmentBuilder(damaged / "journal" / "a.lpj")
    build.span()
    build.close()
    first = cli("traces", "--home", str(damaged))
    assert first.code == 0
    assert "The database could not be opened" in first.err
    second = cli("traces", "--home", str(damaged))
    assert (second.code, second.err) == (0, "")


def test_a_store_that_was_never_damaged_is_only_empty(cli: Cli, tmp_path: Path) -> None:
    seed(tmp_path / "store", requests=0)
    found = cli("report", "--home", str(tmp_path / "store"))
    assert found.code == 3
    assert "Nothing is recorded yet." in found.err


def test_a_file_in_place_of_the_folder_is_said(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("")
    found = cli("report", "--home", str(path))
    assert (found.code, found.out) == (4, "")
    assert f"{path} is a file, not the folder of a store." in found.err


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be written to the database."""

    def failing(*_: object, **__: object) -> None:
        raise duckdb.IOException("Could not write file: No space left on device")

    monkeypatch.setattr(ingest, "insert_table", failing)


@pytest.mark.usefixtures("full_disk")
def test_spans_that_cannot_be_taken_in_are_a_store_fault_and_not_nothing(
    cli: Cli, tmp_path: Path
) -> None:
    home = tmp_path / "store"
    build = SegmentBuilder(home / "journal" / "a.lpj")
    build.span()
    build.close()

    found = cli("report", "--home", str(home))
    assert (found.code, found.out) == (4, "")
    assert "cannot take in the journal: " in found.err
    assert "No space left on device. The journal is kept and tried again" in found.err
    found = cli("sql", "SELECT count(*) AS n FROM spans", "--csv", "--home", str(home))
    assert (found.code, found.out) == (0, "n\n0\n")
    assert "No space left on device" in found.err
    assert "still being taken in" not in found.err


@pytest.mark.usefixtures("full_disk")
def test_after_a_run_that_cannot_be_taken_in_the_reason_is_said(cli: Cli) -> None:
    program = "import latprobe.auto, latprobe\nwith latprobe.stage('a'): pass"
    found = cli("run", "--", sys.executable, "-c", program)
    assert found.code == 0
    assert "the program has ended, but what it recorded cannot be shown yet: " in found.err
    assert "No space left on device" in found.err
    assert "nothing was recorded" not in found.err
