"""What every reading command says of a store that is ill."""

from __future__ import annotations

from pathlib import Path

import pytest

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
