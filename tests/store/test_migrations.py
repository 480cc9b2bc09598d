"""Stores of earlier versions are brought to this one, with what they hold."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from latprobe.store.migrations import STEPS, migrate
from latprobe.store.schema import SCHEMA_VERSION

VERSION_2 = (Path(__file__).parent / "version_2.sql").read_text("utf-8")
NEW_IN_2 = ("queue_ns", "prefill_ns", "decode_ns")
TRACE = "00000000-0000-0000-0000-000000000001"


def columns(con: duckdb.DuckDBPyConnection) -> list[tuple[str, ...]]:
    """Of every table and view, in their order."""
    return con.execute(
        "SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns() "
        "ORDER BY table_name, column_index"
    ).fetchall()


def old_store(path: Path, version: int) -> duckdb.DuckDBPyConnection:
    """A store of that version, with one span."""
    con = duckdb.connect(path)
    con.execute(VERSION_2)
    if version == 1:
        for column in NEW_IN_2:
            con.execute(f"ALTER TABLE spans DROP COLUMN {column}")
    con.execute("UPDATE meta SET value = '7' WHERE key = 'ingest_seq'")
    for step in range(2, version):
        STEPS[step](con)
    con.execute(f"UPDATE meta SET value = '{version}' WHERE key = 'schema_version'")
    con.execute(
        f"INSERT INTO spans BY NAME SELECT '{TRACE}'::UUID AS trace_id, 1 AS span_id, 1 AS run_id, "
        "1 AS ingest_seq, 'load' AS name, 'internal' AS kind, 'error' AS status, "
        "1000 AS start_ns, 7 AS duration_ns"
    )
    return con


@pytest.mark.parametrize("version", [1, 2, 3])
def test_an_older_store_gets_the_tables_of_a_new_one_and_keeps_its_spans(
    tmp_path: Path, version: int
) -> None:
    with old_store(tmp_path / "old.duckdb", version) as con, duckdb.connect() as fresh:
        migrate(con)
        migrate(fresh)
        assert columns(con) == columns(fresh)
        span = con.execute("SELECT name, duration_ns, queue_ns FROM spans").fetchall()
        assert span == [("load", 7, None)]
        assert con.execute("SELECT name, count FROM stage_minutes").fetchall() == [("load", 1)]
        stored = con.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
        assert stored == (str(SCHEMA_VERSION),)
        for source in ("failures", "failed_spans"):
            assert con.execute(f"SELECT name FROM {source}").fetchall() == [("load",)]


def test_usage_of_version_2_stays_and_its_calls_are_not_counted_again(tmp_path: Path) -> None:
    with old_store(tmp_path / "old.duckdb", 2) as con:
        con.execute(
            f"INSERT INTO usage BY NAME SELECT '{TRACE}'::UUID AS trace_id, 1 AS span_id, "
            "1 AS run_id, 1000 AS start_ns, 'load' AS stage, 'm' AS model, 5 AS input_tokens, "
            "'provider' AS origin"
        )
        migrate(con)
        kept = con.execute(
            "SELECT model, input_tokens, origin, input_origin, template_id FROM counted_usage"
        ).fetchall()
        counted = con.execute("SELECT value FROM meta WHERE key = 'counted_seq'").fetchone()

    assert kept == [("m", 5, "provider", None, None)]
    assert counted == ("7",)


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    with old_store(tmp_path / "old.duckdb", 1) as con:
        migrate(con)
        before = columns(con)
        migrate(con)
        assert columns(con) == before
