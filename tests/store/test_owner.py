"""Owning a store: one at a time, read-only for queries, and what to do with odd files."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

from latprobe.errors import StoreError, UsageError
from latprobe.store.folder_lock import StoreBusyError
from latprobe.store.owner import StoreOwner
from latprobe.store.schema import FIRST_META
from tests.journal.building import SegmentBuilder


def test_a_second_owner_is_refused_until_the_first_closes(tmp_path: Path) -> None:
    with StoreOwner(tmp_path), pytest.raises(StoreBusyError, match="Another process owns"):
        StoreOwner(tmp_path)
    with StoreOwner(tmp_path) as owner:
        assert owner.query("SELECT 1 AS one").to_pylist() == [{"one": 1}]


def test_folder_and_database_are_for_this_user_only(tmp_path: Path) -> None:
    home = tmp_path / "store"
    StoreOwner(home).close()

    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in (home, home / "journal", home / "latprobe.duckdb", home / "agent.lock")
    }
    assert modes == {
        "store": 0o700,
        "journal": 0o700,
        "latprobe.duckdb": 0o600,
        "agent.lock": 0o600,
    }


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO meta VALUES ('a', 'b')",
        "WITH x AS (INSERT INTO meta VALUES ('a', 'b') RETURNING *) SELECT * FROM x",
        "EXPLAIN ANALYZE DELETE FROM meta",
        "UPDATE meta SET value = '2'",
        "DROP TABLE spans",
        "COPY spans TO '/tmp/out.csv'",
        "ATTACH ':memory:' AS other",
        "PRAGMA table_info('spans')",
        "SET threads = 1",
        "CALL pragma_version()",
        "CHECKPOINT",
        "LOAD json",
        "SELECT 1; SELECT 2",
        "",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT nonsense",
        "SELEC 1",
        "SELECT 'a'::INTEGER",
    ],
)
def test_sql_that_writes_reads_files_or_is_wrong_is_refused(tmp_path: Path, sql: str) -> None:
    with StoreOwner(tmp_path) as owner:
        with pytest.raises(UsageError):
            owner.query(sql)
        tables = owner.query("SELECT count(*) AS n FROM meta").to_pylist()

    assert tables == [{"n": len(FIRST_META)}]


@pytest.mark.parametrize(
    "sql", ["FROM meta", "DESCRIBE spans", "SHOW TABLES", "EXPLAIN SELECT 1", "VALUES (1)"]
)
def test_reading_statements_of_every_kind_are_answered(tmp_path: Path, sql: str) -> None:
    with StoreOwner(tmp_path) as owner:
        assert owner.query(sql).num_rows > 0


def test_parameters_are_bound_and_never_pasted(tmp_path: Path) -> None:
    with StoreOwner(tmp_path) as owner:
        found = owner.query("SELECT ? AS a, ? + 1 AS b", ["'; DROP TABLE spans", 41]).to_pylist()

    assert found == [{"a": "'; DROP TABLE spans", "b": 42}]


def test_threads_query_at_once_while_the_journal_is_taken_in(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "journal" / "a.lpj", capacity=2000).hold_lock()
    problems: list[str] = []
    with StoreOwner(tmp_path) as owner:

        def read() -> None:
            last = 0
            for _ in range(30):
                count = owner.query("SELECT count(*) AS n FROM spans").to_pylist()[0]["n"]
                if count < last:
                    problems.append(f"{count} after {last}")
                last = count

        readers = [threading.Thread(target=read) for _ in range(4)]
        for reader in readers:
            reader.start()
        for number in range(20):
            build.lean_spans([1] * 50, first_span=1 + number * 50)
            owner.ingest_pending()
        for reader in readers:
            reader.join()
        total = owner.query("SELECT count(*) AS n FROM spans").to_pylist()

    assert (problems, total) == ([], [{"n": 1000}])


def test_the_data_version_rises_with_new_spans_only(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "journal" / "a.lpj").hold_lock()
    with StoreOwner(tmp_path) as owner:
        versions = [owner.data_version()]
        build.span(span=1)
        for _ in range(2):
            owner.ingest_pending()
            versions.append(owner.data_version())

    assert versions == [0, 1, 1]


def test_a_newer_store_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    StoreOwner(tmp_path).close()
    path = tmp_path / "latprobe.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")

    with pytest.raises(StoreError, match=r"schema version 99.*Upgrade latprobe"):
        StoreOwner(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["agent.lock", "journal", "latprobe.duckdb"]


def test_a_damaged_database_is_kept_aside_and_the_journal_is_not_lost(tmp_path: Path) -> None:
    (tmp_path / "latprobe.duckdb").write_bytes(b"not a database" * 1000)
    build = SegmentBuilder(tmp_path / "journal" / "a.lpj")
    build.span()
    build.close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        status = owner.status()

    kept = [name for name in os.listdir(tmp_path) if ".damaged-" in name]
    assert (status.spans, len(kept), len(status.notes)) == (1, 1, 1)
    assert status.notes[0].startswith("The database could not be opened")


def test_a_damaged_log_is_kept_aside_and_the_rest_of_the_database_stays(tmp_path: Path) -> None:
    for number in (1, 2):
        build = SegmentBuilder(tmp_path / "journal" / f"{number}.lpj", capacity=500)
        build.lean_spans([number] * 400, first_span=number * 1000)
        build.close()
        if number == 1:
            with StoreOwner(tmp_path) as owner:
                owner.ingest_pending()
    code = (
        "import os, sys; from pathlib import Path; from latprobe.store.owner import StoreOwner; "
        "owner = StoreOwner(Path(sys.argv[1])); owner.ingest_pending(); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    log_path = tmp_path / "latprobe.duckdb.wal"
    data = bytearray(log_path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    log_path.write_bytes(data)
    with StoreOwner(tmp_path) as owner:
        status = owner.status()

    kept = [name for name in os.listdir(tmp_path) if ".wal.damaged-" in name]
    assert (status.spans, len(kept), len(status.notes)) == (400, 1, 1)
    assert status.notes[0].startswith("The database's log was damaged")


def test_a_file_in_the_folders_place_is_a_store_error(tmp_path: Path) -> None:
    home = tmp_path / "store"
    home.write_text("a file")

    with pytest.raises(StoreError, match=r"it is not a folder\. Set LATPROBE_HOME"):
        StoreOwner(home)


def test_the_status_counts_what_is_there(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "journal" / "a.lpj", dropped=2)
    build.lean_spans([1, 1, 2])
    build.close()
    with StoreOwner(tmp_path) as owner:
        before = owner.status()
        owner.ingest_pending()
        after = owner.status()

    assert (before.spans, before.pending_segments, before.oldest_ns) == (0, 1, None)
    assert (after.spans, after.traces, after.recorded, after.dropped) == (3, 2, 3, 2)
    assert (after.pending_segments, after.journal_bytes, after.agent_pid) == (0, 0, None)
