"""`latprobe doctor`."""

from __future__ import annotations

import json
import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

from latprobe.cli import software_checks
from tests.cli.conftest import Cli


class Disk(NamedTuple):
    """What shutil.disk_usage gives."""

    total: int
    used: int
    free: int


def findings(cli: Cli) -> dict[str, dict[str, Any]]:
    """By name; the last one where a name comes twice."""
    return {f["name"]: f for f in json.loads(cli("doctor", "--json").out)["findings"]}


def test_a_sound_store_is_fine_and_every_part_is_named(cli: Cli, store: Path) -> None:
    found = cli("doctor")
    assert (found.code, found.err) == (0, "")
    named = [line[6:22].strip() for line in found.out.splitlines() if line[0] != " "]
    assert named == [
        *("python", "latprobe", "packages", "long texts", "dashboard", "gpu", "tokenizer"),
        *("instrumented", "store", "disk", "database", "agent", "journal"),
    ]
    assert f"ok    store            {store} (from LATPROBE_HOME)\n" in found.out
    assert "20 spans in 4 requests, 2026-11-02 12:00:00 to 2026-11-02 12:00:04" in found.out


def test_it_says_what_hands_long_texts_over(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def without(name: str) -> Any:
        return None if name == "latprobe.journal._texts" else find_spec(name)

    compiled = find_spec("latprobe.journal._texts") is not None
    assert findings(cli)["long texts"]["state"] == ("ok" if compiled else "note")
    monkeypatch.setattr(software_checks, "find_spec", without)
    found = findings(cli)["long texts"]
    assert found["state"] == "note"
    assert "handed over by Python" in found["text"]
    assert "gcc" in found["advice"]


def test_no_store_yet_is_not_a_problem(cli: Cli, tmp_path: Path) -> None:
    found = json.loads(cli("doctor", "--json", "--home", str(tmp_path / "new")).out)
    store = next(f for f in found["findings"] if f["name"] == "store")
    assert (found["ok"], store["state"]) == (True, "note")
    assert "does not exist yet" in store["text"]
    assert not (tmp_path / "new").exists()


def test_a_store_from_a_newer_version_is_broken_and_says_to_upgrade(cli: Cli, store: Path) -> None:
    with duckdb.connect(str(store / "latprobe.duckdb")) as con:
        con.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    found = cli("doctor")
    assert found.code == 4
    assert "FAIL  database" in found.out
    assert "pgrade latprobe" in found.out


def test_a_file_where_the_folder_should_be_is_broken(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = cli("doctor", "--home", str(tmp_path / "file"))
    assert found.code == 4
    assert "is not a folder" in found.out
    assert "point LATPROBE_HOME or --home at a folder" in found.out


@pytest.mark.usefixtures("store")
def test_a_store_of_somebody_else_is_broken(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4242)
    found = cli("doctor")
    assert found.code == 4
    assert "not to you" in found.out
    assert "set LATPROBE_HOME to a folder of your own" in found.out


def test_a_store_that_others_can_read_is_a_warning_with_the_remedy(cli: Cli, store: Path) -> None:
    store.chmod(0o755)
    found = findings(cli)["store"]
    assert (found["state"], found["advice"]) == ("warn", f"chmod 700 {store}")


@pytest.mark.usefixtures("store")
def test_a_full_disk_is_a_warning_with_the_remedy(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(100 << 30, 100 << 30, 5 << 20))
    found = findings(cli)["disk"]
    assert (found["state"], found["text"]) == ("warn", "5.0 MiB free")
    assert "latprobe prune" in found["advice"]


def test_a_damaged_segment_is_kept_aside_and_reported(cli: Cli, store: Path) -> None:
    (store / "journal" / "1-0-aa.lpj").write_bytes(b"garbage" * 1000)
    found = findings(cli)["quarantine"]
    assert (found["state"], found["text"]) == (
        "warn",
        f"1 unreadable file is kept aside in {store}/quarantine",
    )


def test_a_damaged_database_is_one_line_with_what_to_do(cli: Cli, store: Path) -> None:
    (store / "latprobe.duckdb").write_bytes(b"random bytes" * 1000)
    assert cli("report").code == 4
    for _ in range(2):  # the fact stays as long as the file lies there
        found = cli("doctor")
        lines = found.out.splitlines()
        at = [number for number, line in enumerate(lines) if "damaged" in line.split()[1:2]]
        assert found.code == 4
        assert len(at) == 1
        assert lines[at[0]].startswith("FAIL  damaged")
        assert lines[at[0] + 1].lstrip().startswith("-> check the disk")
    next(store.glob("latprobe.duckdb.damaged-*")).unlink()
    assert cli("doctor").code == 0


@pytest.mark.usefixtures("store")
def test_a_missing_extra_names_its_pip_line(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "streamlit", None)
    assert findings(cli)["dashboard"]["advice"] == "pip install 'latprobe[dashboard]'"


@pytest.mark.usefixtures("store")
def test_a_dashboard_without_plotly_says_what_it_cannot_save(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    found = findings(cli)["dashboard"]
    assert found["advice"] == "pip install 'latprobe[dashboard]'"
    assert "saved as pictures only" in found["text"]
