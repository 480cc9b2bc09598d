"""Brings a store to the schema this latprobe reads, or says why it cannot."""

from __future__ import annotations

from collections.abc import Callable

import duckdb

from latprobe.errors import StoreError
from latprobe.store.first_row import first_row
from latprobe.store.gpu_schema import GPU_TABLES
from latprobe.store.schema import FIRST_META, SCHEMA_VERSION, TABLES, VIEWS
from latprobe.store.span_copies import COPY_TABLES, copy_spans
from latprobe.store.token_schema import PART_TABLES, USAGE_3

# From the version that is the key to the next one. Each runs in a transaction of its own with the
# rise of `schema_version`; the views are made anew after the last.
STEPS: dict[int, Callable[[duckdb.DuckDBPyConnection], None]] = {}


def _add_engine_times(con: duckdb.DuckDBPyConnection) -> None:
    """Version 2: how long a call waited in a model server, was read and was answered."""
    for column in ("queue_ns", "prefill_ns", "decode_ns"):
        con.execute(f"ALTER TABLE spans ADD COLUMN {column} BIGINT")


STEPS[1] = _add_engine_times


def _add_token_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Version 3: tokens by part, and the GPU. Calls from before keep the usage that they had; the
    token pass looks at what comes from now on. The tables of parts were there, and never filled."""
    for column, kind in USAGE_3:
        con.execute(f"ALTER TABLE usage ADD COLUMN {column} {kind}")
    con.execute("ALTER TABLE usage ALTER COLUMN origin DROP NOT NULL")
    con.execute("DROP TABLE IF EXISTS prompts")
    con.execute("DROP TABLE IF EXISTS call_parts")
    con.execute(PART_TABLES)
    con.execute(GPU_TABLES)
    con.execute("INSERT INTO meta SELECT 'counted_seq', value FROM meta WHERE key = 'ingest_seq'")


STEPS[2] = _add_token_tables


def _add_copies(con: duckdb.DuckDBPyConnection) -> None:
    """Version 4: failed spans, and those of some traces, once more in tables of their own."""
    con.execute(COPY_TABLES)
    con.execute("INSERT INTO meta VALUES ('copied_seq', '0')")
    row = first_row(con, "SELECT value FROM meta WHERE key = 'ingest_seq'")
    copy_spans(con, after=0, upto=int(row[0]) if row else 0)


STEPS[3] = _add_copies


def migrate(con: duckdb.DuckDBPyConnection) -> None:
    """Creates the tables in an empty database, or applies the steps that are missing.

    Raises StoreError when the store is newer than this latprobe.
    """
    version = _stored_version(con)
    if version is None:
        _create(con)
        return
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"The store has schema version {version}, this latprobe knows {SCHEMA_VERSION}. "
            "Upgrade latprobe (`pip install -U latprobe`), or use another folder: LATPROBE_HOME."
        )
    while version < SCHEMA_VERSION:
        _step(con, version)
        version += 1


def _stored_version(con: duckdb.DuckDBPyConnection) -> int | None:
    found = first_row(
        con, "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'meta' AND NOT temporary"
    )
    if not found or not found[0]:
        return None
    row = first_row(con, "SELECT value FROM meta WHERE key = 'schema_version'")
    if row is None or not str(row[0]).isdigit():
        raise StoreError(
            "The store's database says no schema version, so it is not latprobe's. "
            "Move it away, or use another folder: LATPROBE_HOME."
        )
    return int(row[0])


def _create(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("BEGIN")
    for script in (TABLES, VIEWS):
        con.execute(script)
    con.executemany("INSERT INTO meta VALUES (?, ?)", FIRST_META)
    con.execute("COMMIT")


def _step(con: duckdb.DuckDBPyConnection, version: int) -> None:
    con.execute("BEGIN")
    for view in ("stage_minutes", "counted_usage"):
        con.execute(f"DROP VIEW IF EXISTS {view}")
    STEPS[version](con)
    if version + 1 == SCHEMA_VERSION:
        con.execute(VIEWS)
    con.execute("UPDATE meta SET value = ? WHERE key = 'schema_version'", [str(version + 1)])
    con.execute("COMMIT")
