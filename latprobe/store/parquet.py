"""latprobe's own Parquet: a folder with a manifest and one file a table, out of and into a store.

Columns are those of the store; ids are text, and `run_id` only ties the files of one folder
together: the run's identity is `run_uuid`.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from latprobe.errors import UsageError
from latprobe.store.database import Database
from latprobe.store.first_row import first_row
from latprobe.store.imported_cards import note_owners, with_hosts
from latprobe.store.imported_runs import note_imported
from latprobe.store.query import Query

FORMAT = "latprobe-parquet"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
CHUNK_ROWS = 250_000

TABLES = ("runs", "spans", "events", "usage", "samples")
# What the token pass found of the calls in `usage`, and what the GPU did; folders of before have
# none of it.
PART_TABLES = ("call_parts", "tool_use", "prompts", "templates", "gpu_spans", "kernel_profiles")
_OF_A_SPAN = ("events", "usage", "call_parts", "tool_use", "gpu_spans", "kernel_profiles")
# Tables of which a store has each key once.
_KEYS = {"prompts": "hash", "templates": "template_id"}
# Numbers of this store that mean nothing in another.
_LOCAL = {"ingest_seq"}


class SpanFilter(Protocol):
    """latprobe.analysis.scope.Scope."""

    def where(self) -> tuple[str, list[object]]:
        """A condition over the alias s of `spans`, and its parameters."""


@dataclass(frozen=True, slots=True)
class ExportedRows:
    """Rows written of each table; those of a call's parts come with its usage."""

    runs: int
    spans: int
    events: int
    usage: int
    samples: int


@dataclass(frozen=True, slots=True)
class ImportedRows:
    """Rows added to each table; rows that were there already are not counted."""

    runs: int
    spans: int
    events: int
    usage: int
    samples: int


def export_store(query: Query, folder: Path, scope: SpanFilter | None = None) -> ExportedRows:
    """Writes the spans in `scope` (None: all) and what belongs to them to `folder`.

    Raises UsageError when the folder cannot be written or already holds an export.
    """
    where, parameters = scope.where() if scope is not None else ("TRUE", [])
    if (folder / MANIFEST).exists():
        raise UsageError(f"{folder} already holds an export. Name another folder.")
    counts = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for table in (*TABLES, *PART_TABLES):
            counts[table] = _write_table(query, folder, table, where, parameters)
        manifest = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "created_ns": time.time_ns(),
            "rows": counts,
        }
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror or error}.") from error
    return ExportedRows(**{table: counts[table] for table in TABLES})


def _write_table(
    query: Query, folder: Path, table: str, where: str, parameters: list[object]
) -> int:
    writer: pq.ParquetWriter | None = None
    count = 0
    try:
        for part in _chunks(query, table, where, parameters):
            if writer is None:
                writer = pq.ParquetWriter(
                    folder / f"{table}.parquet", part.schema, compression="zstd"
                )
            writer.write_table(part)
            count += part.num_rows
    finally:
        if writer is not None:
            writer.close()
    return count


def _chunks(query: Query, table: str, where: str, parameters: list[object]) -> Iterator[pa.Table]:
    """The table in pieces that fit in memory; an empty one has one empty piece."""
    columns = ", ".join(_column(name) for name in _columns(query, table))
    condition = _condition(table, where)
    last = query(f"SELECT coalesce(max(rowid), 0) AS last FROM {table}").column("last")[0].as_py()
    is_empty = True
    for first in range(0, last + 1, CHUNK_ROWS):
        part = query(
            f"SELECT {columns} FROM {table} t WHERE t.rowid >= {first} "
            f"AND t.rowid < {first + CHUNK_ROWS} AND {condition}",
            parameters,
        )
        if part.num_rows or (is_empty and first + CHUNK_ROWS > last):
            is_empty = False
            yield part


def _columns(query: Query, table: str) -> list[str]:
    found = query(f"SELECT column_name FROM (DESCRIBE {table})").column("column_name").to_pylist()
    return [str(name) for name in found if name not in _LOCAL]


def _column(name: str) -> str:
    if name in ("trace_id", "run_uuid", "hash", "template_id"):
        return f"replace(t.{name}::VARCHAR, '-', '') AS {name}"
    if name in ("span_id", "parent_span_id"):
        return f"format('{{:016x}}', t.{name}) AS {name}"
    return f"t.{name}"


def _condition(table: str, where: str) -> str:
    if where == "TRUE":
        return "TRUE"
    if table == "spans":
        return f"t.rowid IN (SELECT s.rowid FROM spans s WHERE {where})"
    if table in _OF_A_SPAN:
        return _is_of_span("t", where)
    if table in _KEYS:
        key, source = _KEYS[table], "call_parts" if table == "prompts" else "usage"
        return f"t.{key} IN (SELECT c.{key} FROM {source} c WHERE {_is_of_span('c', where)})"
    runs = f"t.run_id IN (SELECT DISTINCT s.run_id FROM spans s WHERE {where})"
    return f"(t.run_id IS NULL OR {runs})" if table == "samples" else runs


def _is_of_span(alias: str, where: str) -> str:
    return (
        f"EXISTS (SELECT 1 FROM spans s WHERE s.trace_id = {alias}.trace_id "
        f"AND s.span_id = {alias}.span_id AND ({where}))"
    )


def import_folder(database: Database, folder: Path, *, sequence: int) -> ImportedRows:
    """Adds an exported folder's rows in one transaction, each span once however often it is called.

    Raises UsageError when the folder is not an export this latprobe can read.
    """
    _check_manifest(folder)
    con = database.writer
    tables = {name: _read(con, folder, name) for name in (*TABLES, *PART_TABLES)}
    with database.lock:
        tables, owners = with_hosts(con, tables, platform.node())
        for name, table in tables.items():
            con.register(f"in_{name}", table)
        try:
            with database.transaction():
                note_owners(con, owners)
                return _add_all(con, tables, sequence)
        except (duckdb.DataError, duckdb.ProgrammingError) as error:
            reason = str(error).splitlines()[0]
            raise UsageError(f"{folder} has rows that are no spans: {reason}") from error
        finally:
            for name in tables:
                con.unregister(f"in_{name}")


def _check_manifest(folder: Path) -> None:
    path = folder / MANIFEST
    try:
        manifest: Any = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"{folder} is not a latprobe export: it has no {MANIFEST}. "
            "Name a folder that `latprobe export` wrote."
        ) from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}. Export again.") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise UsageError(
            f"{path} is not of a latprobe export. Name a folder that `latprobe export` wrote."
        )
    if manifest.get("version") != FORMAT_VERSION:
        raise UsageError(
            f"{folder} has export format {manifest.get('version')}, this latprobe reads "
            f"{FORMAT_VERSION}. Upgrade latprobe."
        )


def _read(con: duckdb.DuckDBPyConnection, folder: Path, name: str) -> pa.Table:
    path = folder / f"{name}.parquet"
    if not path.exists():
        if name in ("runs", "spans"):
            raise UsageError(f"{folder} has no {name}.parquet. Export again.")
        return con.sql(f"SELECT * FROM {name} LIMIT 0").to_arrow_table()
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise UsageError(f"{path} cannot be read: {error}. Export again.") from error


def _add_all(
    con: duckdb.DuckDBPyConnection, tables: dict[str, pa.Table], sequence: int
) -> ImportedRows:
    known = first_row(con, "SELECT coalesce(max(run_id), 0) FROM runs")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE new_runs AS "
        "SELECT i.run_id AS old_id, i.run_uuid::UUID AS run_uuid, "
        f"row_number() OVER (ORDER BY i.run_id) + {known[0] if known else 0} AS new_id "
        "FROM in_runs i WHERE i.run_uuid::UUID NOT IN (SELECT run_uuid FROM runs)"
    )
    runs = _insert(con, "runs", tables["runs"], run_id="n.new_id", source=(
        "in_runs i JOIN new_runs n ON n.old_id = i.run_id"
    ))  # fmt: skip
    con.execute(
        "CREATE OR REPLACE TEMP TABLE run_map AS SELECT i.run_id AS old_id, r.run_id AS new_id "
        "FROM in_runs i JOIN runs r ON r.run_uuid = i.run_uuid::UUID"
    )
    counts = {
        name: _insert(
            con,
            name,
            tables[name],
            run_id="m.new_id",
            extra=extra,
            source=_source(name, tables[name]),
        )
        for name, extra in (
            ("events", ""),
            ("usage", ""),
            *((table, "") for table in PART_TABLES),
            ("samples", ""),
            ("spans", f", {sequence} AS ingest_seq"),
        )
    }
    con.execute("DROP TABLE run_map")
    con.execute("DROP TABLE new_runs")
    note_imported(con, now_ns=time.time_ns())
    con.execute("UPDATE meta SET value = ? WHERE key = 'ingest_seq'", [str(sequence)])
    return ImportedRows(runs=runs, **{name: counts[name] for name in TABLES if name != "runs"})


def _source(name: str, table: pa.Table) -> str:
    """Rows of the folder that the store has not. Spans come last: the others ask whether their
    span is new. Samples without a run cannot be told apart and are left to their time."""
    in_table = f"in_{name} i"
    if name == "samples":
        return (
            f"{in_table} LEFT JOIN run_map m ON m.old_id = i.run_id "
            "WHERE NOT EXISTS (SELECT 1 FROM samples x WHERE x.time_ns = i.time_ns "
            "AND x.source = i.source AND x.metric = i.metric "
            "AND x.device IS NOT DISTINCT FROM i.device AND x.pid IS NOT DISTINCT FROM i.pid "
            "AND x.run_id IS NOT DISTINCT FROM m.new_id)"
        )
    if name in _KEYS:
        key = _KEYS[name]
        if key not in table.column_names:
            return f"{in_table} WHERE FALSE"
        return (
            f"{in_table} WHERE NOT EXISTS (SELECT 1 FROM {name} x WHERE x.{key} = i.{key}::UUID) "
            f"QUALIFY row_number() OVER (PARTITION BY i.{key}) = 1"
        )
    join = " JOIN run_map m ON m.old_id = i.run_id" if "run_id" in table.column_names else ""
    if "span_id" not in table.column_names:
        return f"{in_table} JOIN run_map m ON FALSE"
    return (
        f"{in_table}{join} WHERE NOT EXISTS (SELECT 1 FROM spans x "
        f"WHERE x.trace_id = i.trace_id::UUID AND x.span_id = {_id('span_id')})"
    )


def _insert(
    con: duckdb.DuckDBPyConnection,
    name: str,
    table: pa.Table,
    *,
    run_id: str,
    source: str,
    extra: str = "",
) -> int:
    """Copies the columns that both sides have; gives back the number of rows."""
    stored = {
        row[0] for row in con.execute(f"SELECT column_name FROM (DESCRIBE {name})").fetchall()
    }
    columns = []
    for column in table.column_names:
        if column not in stored - _LOCAL:
            continue
        if column == "run_id":
            columns.append(f"{run_id} AS run_id")
        elif column in ("span_id", "parent_span_id"):
            columns.append(f"{_id(column)} AS {column}")
        else:
            columns.append(f"i.{column}")
    row = first_row(
        con, f"INSERT INTO {name} BY NAME SELECT {', '.join(columns)}{extra} FROM {source}"
    )
    return int(row[0]) if row else 0


def _id(column: str) -> str:
    return f"('0x' || i.{column})::UBIGINT"
