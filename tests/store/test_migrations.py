"""Stores of earlier versions are brought to this one, with what they hold."""

from __future__ import annotations

from pathlib import Path

import duckdb

from latprobe.store.migrations import migrate
from latprobe.store.schema import FIRST_META, SCHEMA_VERSION, TABLES, VIEWS

NEW_IN_2 = ("queue_ns", "prefill_ns", "decode_ns")


def columns(con: duckdb.DuckDBPyConnection, table: str) -> list[tuple[str, str]]:
    return con.execute(f"SELECT column_name, column_type FROM (DESCRIBE {table})").fetchall()


def version_1(path: Path) -> duckdb.DuckDBPyConnection:
    """A store as version 1 made it, with one span."""
    con = duckdb.connect(path)
    con.execute(TABLES)
    for column in NEW_IN_2:
        con.execute(f"ALTER TABLE spans DROP COLUMN {column}")
    con.execute(VIEWS)
    con.executemany("INSERT INTO meta VALUES (?, ?)", FIRST_META)
    con.execute("UPDATE meta SET value = '1' WHERE key = 'schema_version'")
    con.execute(
        "INSERT INTO spans BY NAME SELECT uuid() AS trace_id, 1 AS span_id, 1 AS run_id, "
        "1 AS ingest_seq, 'load' AS name, 'internal' AS kind, 'unset' AS status, "
        "1000 AS start_ns, 7 AS duration_ns"
    )
    return con


def test_a_store_of_version_1_gets_the_times_of_model_servers(tmp_path: Path) -> None:
    with version_1(tmp_path / "old.duckdb") as con, duckdb.connect() as fresh:
        migrate(con)
        migrate(fresh)
        assert columns(con, "spans") == columns(fresh, "spans")
        span = con.execute("SELECT name, duration_ns, queue_ns FROM spans").fetchall()
        assert span == [("load", 7, None)]
        assert con.execute("SELECT name, count FROM stage_minutes").fetchall() == [("load", 1)]
        version = con.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
        assert version == (str(SCHEMA_VERSION),)


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    with version_1(tmp_path / "old.duckdb") as con:
        migrate(con)
        before = columns(con, "spans")
        migrate(con)
        assert columns(con, "spans") == before
