"""Rows of what the token pass found, as Arrow, and how they get into the store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import duckdb
import pyarrow as pa

from latprobe.store.ingest import insert_table
from latprobe.tokens.repeated_pairs import Found
from latprobe.tokens.templates import TemplateRow

_UUID = pa.uuid()
_TYPES: dict[str, pa.DataType] = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "UBIGINT": pa.uint64(),
    "INTEGER": pa.int32(),
    "UINTEGER": pa.uint32(),
    "BOOLEAN": pa.bool_(),
    "DOUBLE": pa.float64(),
    "UUID": _UUID,
    "JSON": pa.string(),
}

Row = dict[str, Any]
# A row of `call_parts`, of which each call has several; a dict takes three times as long.
PartRow = tuple[bytes, int, int, str, str, str | None, str | None, bytes | None, int | None, bool]
PART_COLUMNS = (
    "trace_id", "span_id", "position", "side", "part", "role", "name", "hash", "tokens",
    "tokens_estimated",
)  # fmt: skip


@dataclass(slots=True)
class CountedRows:
    """What one batch adds. Rows have the columns of their tables; ids are 16 bytes."""

    usage: list[Row] = field(default_factory=list)
    call_parts: list[PartRow] = field(default_factory=list)
    prompts: dict[bytes, Row] = field(default_factory=dict)
    tool_use: list[Row] = field(default_factory=list)
    templates: list[TemplateRow] = field(default_factory=list)
    moved: list[tuple[object, bytes]] = field(default_factory=list)
    # Parts of calls of this or an earlier batch that turned out to be examples.
    examples: list[Found] = field(default_factory=list)
    calibrations: list[Row] | None = None


class TokenWriter:
    """Adds rows within a transaction. Knows the tables' columns from the store itself."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        rows = con.execute(
            "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE table_name IN "
            "('usage', 'call_parts', 'prompts', 'tool_use', 'templates', 'calibrations') "
            "ORDER BY table_name, column_index"
        ).fetchall()
        self._columns: dict[str, dict[str, pa.DataType]] = {}
        for table, column, kind in rows:
            self._columns.setdefault(table, {})[column] = _TYPES[kind]

    def write(self, con: duckdb.DuckDBPyConnection, rows: CountedRows) -> None:
        """Adds them; parts and templates that are there already stay one row."""
        self._insert(con, "usage", rows.usage)
        if rows.call_parts:
            values = zip(*rows.call_parts, strict=True)
            table = self._arrow("call_parts", PART_COLUMNS, values)
            insert_table(con, "call_parts", [table])
        if rows.examples:
            self._write_examples(con, rows.examples)
        self._insert(con, "tool_use", rows.tool_use)
        self._insert_new(con, "prompts", "hash", rows.prompts.values())
        self._write_templates(con, rows)
        if rows.calibrations is not None:
            con.execute("DELETE FROM calibrations")
            self._insert(con, "calibrations", rows.calibrations)

    def _write_examples(self, con: duckdb.DuckDBPyConnection, found: Sequence[Found]) -> None:
        parts = [
            {"trace_id": trace_id, "span_id": span_id, "position": position}
            for (trace_id, span_id), positions in found
            for position in positions
        ]
        with _registered(con, self._table("call_parts", parts, parts[0])):
            con.execute(
                "UPDATE call_parts SET part = 'few_shot' FROM incoming i "
                "WHERE call_parts.trace_id = i.trace_id AND call_parts.span_id = i.span_id "
                "AND call_parts.position = i.position AND call_parts.part = 'history'"
            )

    def _write_templates(self, con: duckdb.DuckDBPyConnection, rows: CountedRows) -> None:
        if rows.templates:
            table = self._table("templates", [_template(row) for row in rows.templates])
            with _registered(con, table):
                con.execute(
                    "UPDATE templates SET name = i.name, text = i.text, state = i.state, "
                    "first_seen_ns = i.first_seen_ns FROM incoming i "
                    "WHERE templates.template_id = i.template_id"
                )
                con.execute(_new_rows("templates", "template_id"))
        if rows.moved:
            moved = [
                {"trace_id": key[0], "span_id": key[1], "template_id": template_id}
                for key, template_id in rows.moved
                if isinstance(key, tuple)
            ]
            with _registered(con, self._table("usage", moved, moved[0])):
                con.execute(
                    "UPDATE usage SET template_id = i.template_id FROM incoming i "
                    "WHERE usage.trace_id = i.trace_id AND usage.span_id = i.span_id"
                )

    def _insert(self, con: duckdb.DuckDBPyConnection, name: str, rows: Sequence[Row]) -> None:
        if rows:
            insert_table(con, name, [self._table(name, rows)])

    def _insert_new(
        self, con: duckdb.DuckDBPyConnection, name: str, key: str, rows: Iterable[Row]
    ) -> None:
        found = list(rows)
        if found:
            with _registered(con, self._table(name, found)):
                con.execute(_new_rows(name, key))

    def _table(self, name: str, rows: Sequence[Row], only: Iterable[str] | None = None) -> pa.Table:
        columns = list(self._columns[name] if only is None else only)
        nothing: Row = dict.fromkeys(columns)
        size = len(columns)
        full = [row if len(row) == size else {**nothing, **row} for row in rows]
        return self._arrow(name, columns, zip(*map(itemgetter(*columns), full), strict=True))

    def _arrow(
        self, name: str, columns: Iterable[str], values: Iterable[Sequence[Any]]
    ) -> pa.Table:
        kinds = self._columns[name]
        return pa.table(
            {
                column: _array(each, kinds[column])
                for column, each in zip(columns, values, strict=True)
            }
        )


class _registered:  # noqa: N801  # reads as a statement: with _registered(con, table)
    """The table as `incoming` while the block runs."""

    def __init__(self, con: duckdb.DuckDBPyConnection, table: pa.Table) -> None:
        self._con = con
        self._table = table

    def __enter__(self) -> None:
        self._con.register("incoming", self._table)

    def __exit__(self, kind: object, *_: object) -> None:
        # After a failed statement this fails as well, and would hide why.
        with nullcontext() if kind is None else suppress(duckdb.Error):
            self._con.unregister("incoming")


def uuid_bytes(text: str) -> bytes:
    """The 16 bytes of an id as a query gives it."""
    return bytes.fromhex(text.replace("-", ""))


def _new_rows(name: str, key: str) -> str:
    return (
        f"INSERT INTO {name} BY NAME SELECT * FROM incoming i "
        f"WHERE NOT EXISTS (SELECT 1 FROM {name} x WHERE x.{key} = i.{key})"
    )


def _template(row: TemplateRow) -> Row:
    return {
        "template_id": row.template_id,
        "name": _clean(row.name),
        "stage": _clean(row.stage),
        "source": row.source,
        "text": _clean(row.text),
        "first_seen_ns": row.first_seen_ns,
        "state": row.state,
    }


def _clean(text: str | None) -> str | None:
    """Without lone surrogates, which a store cannot hold."""
    return None if text is None else text.encode("utf-8", "replace").decode()


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if kind == _UUID:
        return pa.ExtensionArray.from_storage(_UUID, pa.array(values, pa.binary(16)))
    return pa.array(values, kind)
