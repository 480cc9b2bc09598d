"""Opening a store: with an agent, without one, and when there is nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from latprobe.agent.address import read_address
from latprobe.errors import NoDataError, StoreError, UsageError
from latprobe.store.owner import StoreOwner
from latprobe.store.parquet import ImportedRows, export_store
from latprobe.store.reader import Reader, open_reader
from tests.agent.agents import running_agent, stop_detached
from tests.journal.building import SegmentBuilder


def record(home: Path, count: int, name: str = "a.lpj") -> None:
    build = SegmentBuilder(home / "journal" / name)
    build.lean_spans([1] * count, first_span=1 if name == "a.lpj" else 1000)
    build.close()


def count(reader: Reader) -> int:
    found: int = reader.query("SELECT count(*) AS n FROM spans").to_pylist()[0]["n"]
    return found


def test_no_store_is_no_data(tmp_path: Path) -> None:
    with pytest.raises(NoDataError, match="Record something first"):
        open_reader(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_without_an_agent_the_reader_owns_the_store_and_takes_everything_in(
    tmp_path: Path,
) -> None:
    record(tmp_path, 3)
    with open_reader(tmp_path, start_agent=False) as reader:
        first = (count(reader), reader.status().agent_pid)
        record(tmp_path, 2, "b.lpj")
        second = (reader.flush(), count(reader), reader.data_version() > 1)

    assert (first, second) == ((3, None), (True, 5, True))


def test_the_environment_can_forbid_the_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LATPROBE_AGENT", "off")
    record(tmp_path, 1)
    with open_reader(tmp_path) as reader:
        assert (count(reader), reader.status().agent_pid) == (1, None)


def test_a_living_agent_is_asked(tmp_path: Path) -> None:
    record(tmp_path, 3)
    with running_agent(tmp_path) as client, open_reader(tmp_path, start_agent=False) as reader:
        reader.flush()

        assert (count(reader), reader.status().agent_pid) == (3, client.address.pid)


def test_two_owners_that_want_the_store_wait_for_each_other(tmp_path: Path) -> None:
    record(tmp_path, 1)
    with (
        running_agent(tmp_path) as client,
        open_reader(tmp_path, start_agent=False) as first,
        open_reader(tmp_path, start_agent=False) as second,
    ):
        assert client.flush(5.0)
        assert (count(first), count(second)) == (1, 1)


def test_a_reader_starts_an_agent_and_replaces_one_that_died(tmp_path: Path) -> None:
    record(tmp_path, 2)
    try:
        with open_reader(tmp_path) as reader:
            first = (count(reader), read_address(tmp_path))
            stop_detached(tmp_path)
            second = (count(reader), read_address(tmp_path))

        assert (first[0], second[0]) == (2, 2)
        assert first[1] != second[1]
    finally:
        stop_detached(tmp_path)


def test_import_and_prune_go_through_the_agent(tmp_path: Path) -> None:
    record(tmp_path / "from", 2)
    with StoreOwner(tmp_path / "from") as owner:
        owner.ingest_pending()
        export_store(owner.query, tmp_path / "out")
    home = tmp_path / "to"
    with running_agent(home), open_reader(home, start_agent=False) as reader:
        added = reader.import_folder(tmp_path / "out")
        total = count(reader)
        pruned = reader.prune(days=-100_000).spans
        with pytest.raises(UsageError, match=r"no manifest\.json"):
            reader.import_folder(tmp_path)

    assert (added, total, pruned) == (ImportedRows(1, 2, 0, 0, 0), 2, 2)


def test_a_newer_store_says_to_upgrade_whoever_is_asked(tmp_path: Path) -> None:
    import duckdb

    StoreOwner(tmp_path).close()
    with duckdb.connect(str(tmp_path / "latprobe.duckdb")) as con:
        con.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")

    for start_agent in (False, True):
        with pytest.raises(StoreError, match="Upgrade latprobe"):
            open_reader(tmp_path, start_agent=start_agent)
