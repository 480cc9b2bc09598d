"""Columnar JSON: the keys of records once, and their values in rows.

A column is a name, {"name": columns} for an object in every row, or {"name[]": columns} for a list
of objects. "same" holds columns that have one value in all rows; "absent" is the text that stands
for a key which a record lacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from latprobe.advice.compress.contract import Candidate, Check, Context
from latprobe.advice.compress.exact_json import encode, is_same, loads
from latprobe.advice.compress.records import Record, is_records, mapped, merged_keys, replace_tables

name = "json_columnar"

_KEYS = ({"columns", "rows"}, {"columns", "same", "rows"})
_ABSENT = ("~", "--", "∅", "<absent>")
_FEWEST_SAME = 3
_MISSING: Any = object()


def candidates(text: str, context: Context) -> list[Candidate]:
    """The JSON with every table in it in columns; none without a table."""
    if not context.is_json:
        return []
    absent = next((mark for mark in _ABSENT if f'"{mark}"' not in context.minified), None)
    if absent is None:
        return []
    value, count = replace_tables(context.value, lambda records: _table(records, absent))
    if not count:
        return []
    made = encode(value, is_spelled=context.is_spelled)
    if not is_same(decode(made), context):
        return []
    check = Check("decoded into records again and equal")
    return [Candidate(made, (name,), "lossless", check, value=value)]


def decode(text: str) -> object:
    """The value with its records; ValueError where a row does not fit its columns."""
    return mapped(loads(text), _records)


def _table(records: list[Record], absent: str) -> object:
    columns = _columns(records)
    same = _same(records, columns) if len(records) >= _FEWEST_SAME else {}
    shown = [column for column in columns if not isinstance(column, str) or column not in same]
    found = {"columns": columns, **({"same": same} if same else {})}
    rows = [_row(record, shown, absent) for record in records]
    if _lacks_keys(records, columns):
        found = {"absent": absent, **found}
    return {**found, "rows": rows}


def _lacks_keys(records: Sequence[Record], columns: Sequence[Any]) -> bool:
    """Whether a record lacks a key of its columns."""
    for column in columns:
        key, below, is_list = _spec(column)
        present = [record[key] for record in records if key in record]
        if len(present) < len(records):
            return True
        inner = [item for items in present for item in items] if is_list else present
        if below and _lacks_keys(inner, below):
            return True
    return False


def _columns(records: Sequence[Record]) -> list[Any]:
    return [_column(key, [r[key] for r in records if key in r]) for key in merged_keys(records)]


def _column(key: str, values: Sequence[Any]) -> Any:
    if len(values) > 1 and all(isinstance(value, dict) and value for value in values):
        return {key: _columns(values)}
    lists = [value for value in values if isinstance(value, list)]
    if len(lists) == len(values) and any(is_records(value, fewest=1) for value in lists):
        items = [item for value in lists for item in value]
        if len(items) > 1 and is_records(items):
            return {key + "[]": _columns(items)}
    return key


def _same(records: Sequence[Record], columns: Sequence[Any]) -> Record:
    """The plain columns with one value in all records."""
    first = records[0]
    found = {}
    for key in columns:
        if isinstance(key, str) and key in first:
            value = first[key]
            if all(key in r and r[key] == value and _is_like(r[key], value) for r in records):
                found[key] = value
    return found if len(found) < len(columns) else {}


def _is_like(first: object, second: object) -> bool:
    """Whether equal values are one as JSON: no number or truth inside that could differ."""
    return type(first) is type(second) and not isinstance(first, (list, dict, float))


def _row(record: Record, columns: Sequence[Any], absent: str) -> list[Any]:
    row: list[Any] = []
    for column in columns:
        key, below, is_list = _spec(column)
        value = record.get(key, _MISSING)
        if value is _MISSING:
            row.append(absent)
        elif below is None:
            row.append(value)
        elif is_list:
            row.append([_row(item, below, absent) for item in value])
        else:
            row.append(_row(value, below, absent))
    return row


def _spec(column: Any) -> tuple[str, list[Any] | None, bool]:
    """A column's key, the columns below it, and whether those are of a list's items."""
    if isinstance(column, str):
        return column, None, False
    if not isinstance(column, dict) or len(column) != 1:
        raise ValueError("a column is a name, or a name with columns")
    ((key, below),) = column.items()
    return (key[:-2], below, True) if key.endswith("[]") else (key, below, False)


def _records(value: Any) -> Any:
    """The records of a table; anything else as it is."""
    if not isinstance(value, dict) or value.keys() - {"absent"} not in _KEYS:
        return value
    columns, rows = value["columns"], value["rows"]
    if not isinstance(columns, list) or not isinstance(rows, list):
        return value
    same = value.get("same", {})
    absent = value.get("absent", _MISSING)
    return [_record(row, columns, same, absent) for row in rows]


def _record(row: Any, columns: Sequence[Any], same: Record, absent: Any) -> Record:
    record: Record = {}
    cells = iter(row)
    for column in columns:
        key, below, is_list = _spec(column)
        if isinstance(column, str) and key in same:
            record[key] = same[key]
            continue
        cell = next(cells, _MISSING)
        if cell is _MISSING:
            raise ValueError("a row is shorter than its columns")
        if isinstance(cell, str) and cell == absent:
            continue
        if below is None:
            record[key] = cell
        elif is_list:
            record[key] = [_record(item, below, {}, absent) for item in cell]
        else:
            record[key] = _record(cell, below, {}, absent)
    if next(cells, _MISSING) is not _MISSING:
        raise ValueError("a row is longer than its columns")
    return record
