"""CSV that keeps types: a number is a number, a text that looks like one is quoted.

A cell is a JSON value, or a text without quotes where it could be taken for nothing else; an empty
one is a key that the record lacks. `a.b` in the header is the key b of the object a; `a=1` says
that a is 1 in all rows. Tables inside other JSON stand behind it, each under its name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from latprobe.advice.compress.contract import Candidate, Check, Context
from latprobe.advice.compress.exact_json import decode_at, encode, is_same, loads
from latprobe.advice.compress.records import Record, is_table, merged_keys, replace_tables

name = "csv_typed"

# What needs no quotes: no comma, quote or control character, no JSON value's beginning, no blank
# at either end.
_BARE = re.compile(
    r'[^\s,"{\[\x00-\x1f\x7f-\x9f\ud800-\udfff](?:[^,"\n\r\x00-\x1f\ud800-\udfff]*'
    r'[^\s,"\x00-\x1f\ud800-\udfff])?'
)
_LITERAL = re.compile(r"(?:-?\d[\d.eE+-]*|true|false|null)\Z")
_NAME = re.compile(r"[\w@$#/ -]+\Z")
_TABLE = re.compile(r"\n\n(table \d+):\n")
_FEWEST_SAME = 3
_ABSENT: Any = object()

Path = tuple[str, ...]


def candidates(text: str, context: Context) -> list[Candidate]:
    """The JSON with its tables as CSV; none without a table."""
    if not context.is_json:
        return []
    try:
        made = _encode(context)
        if made is None:
            return []
        if not is_same(decode(made), context):
            return []
    except (ValueError, RecursionError):
        return []
    check = Check("read into records again and equal, with the types of all cells")
    return [Candidate(made, (name,), "lossless", check)]


def _encode(context: Context) -> str | None:
    """The text; None without a table."""
    if is_table(context.value) and isinstance(context.value, list):
        return _table(context.value, is_spelled=context.is_spelled)
    tables: list[str] = []

    def make(records: list[Record]) -> str:
        tables.append(_table(records, is_spelled=context.is_spelled))
        return f"table {len(tables)}"

    value, count = replace_tables(context.value, make)
    if not count:
        return None
    named = (f"\n\ntable {number}:\n{table}" for number, table in enumerate(tables, 1))
    return encode(value, is_spelled=context.is_spelled) + "".join(named)


def decode(text: str) -> object:
    """The value; ValueError for what this module did not write."""
    if not text.startswith(("{", "[")):
        return _records(text)
    head, *rest = _TABLE.split(text)
    tables = {key: _records(table) for key, table in zip(rest[::2], rest[1::2], strict=True)}
    return _filled(loads(head), tables)


def _filled(value: Any, tables: dict[str, list[Record]]) -> Any:
    if isinstance(value, str):
        return tables.get(value, value)
    if isinstance(value, dict):
        return {key: _filled(item, tables) for key, item in value.items()}
    return [_filled(item, tables) for item in value] if isinstance(value, list) else value


class _BlankRowError(ValueError):
    """A row without a character, which no reader can see."""


def _table(records: Sequence[Record], *, is_spelled: bool) -> str:
    columns = [(path, _cells(records, path, is_spelled)) for path in _paths(records, ())]
    head, body = [], []
    for path, cells in columns:
        if len(cells) >= _FEWEST_SAME and cells[0] and len(set(cells)) == 1 and len(columns) > 1:
            head.append(f"{_title(path)}={cells[0]}")
        else:
            head.append(_title(path))
            body.append(cells)
    lines = [",".join(row) for row in zip(*body, strict=True)]
    if len(lines) < len(records) or "" in lines:
        raise _BlankRowError
    return "\n".join([",".join(head), *lines])


def _paths(records: Sequence[Record], above: Path) -> list[Path]:
    """The columns: a key, or the keys on the way to it where all rows have an object there."""
    found: list[Path] = []
    is_plain = all(map(_NAME.match, above))
    for key in merged_keys(records):
        values = [record[key] for record in records if key in record]
        is_object = all(isinstance(value, dict) and value for value in values)
        if is_object and is_plain and _NAME.match(key):
            below = _paths(values, (*above, key))
            if all(_NAME.match(path[-1]) for path in below):
                found += below
                continue
        found.append((*above, key))
    return found


def _title(path: Path) -> str:
    joined = ".".join(path)
    is_plain = all(map(_NAME.match, path)) and joined == joined.strip()
    return joined if is_plain else json.dumps(path[-1], ensure_ascii=True)


def _cells(records: Sequence[Record], path: Path, is_spelled: bool) -> list[str]:
    if len(path) == 1:
        key = path[0]
        return [_cell(record.get(key, _ABSENT), is_spelled) for record in records]
    return [_cell(_at(record, path), is_spelled) for record in records]


def _at(record: Record, path: Path) -> Any:
    value: Any = record
    for key in path:
        value = value.get(key, _ABSENT)
        if value is _ABSENT:
            break
    return value


def _cell(value: Any, is_spelled: bool) -> str:
    if isinstance(value, str):
        is_bare = _BARE.fullmatch(value) and not _LITERAL.match(value)
        return value if is_bare else encode(value, is_spelled=False)
    if value is _ABSENT:
        return ""
    return encode(value, is_spelled=is_spelled)


def _records(text: str) -> list[Record]:
    lines = text.split("\n")
    columns = [_column(title) for title in _split(lines[0], is_header=True)]
    open_columns = [path for path, value in columns if value is _ABSENT]
    found = []
    for line in lines[1:]:
        cells = _split(line) if open_columns else []
        if len(cells) != len(open_columns):
            raise ValueError("a row has another number of cells than the header")
        given = iter(cells)
        record: Record = {}
        for path, value in columns:
            cell = next(given) if value is _ABSENT else value
            if cell is not _ABSENT:
                _put(record, path, cell)
        found.append(record)
    return found


def _put(record: Record, path: Path, value: object) -> None:
    for key in path[:-1]:
        record = record.setdefault(key, {})
    record[path[-1]] = value


def _column(title: str) -> tuple[Path, Any]:
    """A header cell's keys, and the value that all rows have; _ABSENT where each has its own."""
    if title.startswith('"'):
        key, end = decode_at(title, 0)
        path: Path = (key,)
        rest = title[end:]
    else:
        plain, sign, after = title.partition("=")
        path, rest = tuple(plain.split(".")), sign + after
    return path, _split(rest[1:])[0] if rest else _ABSENT


def _split(line: str, *, is_header: bool = False) -> list[Any]:
    """A line's cells: values, or for a header the cells' own text."""
    found: list[Any] = []
    at = 0
    while True:
        start = at
        if is_header and line[at : at + 1] != '"':
            at = _past(line, at, "=,")
            if line[at : at + 1] == "=":
                at += 1
        if line[at : at + 1] in ('"', "{", "["):
            value, at = decode_at(line, at)
            if is_header and line[at : at + 1] == "=":
                value, at = _value(line, at + 1)
        else:
            value, at = _value(line, at)
        found.append(line[start:at] if is_header else value)
        if at >= len(line):
            return found
        if line[at] != ",":
            raise ValueError("a cell goes on behind its quote")
        at += 1


def _value(line: str, at: int) -> tuple[Any, int]:
    if line[at : at + 1] in ('"', "{", "["):
        return decode_at(line, at)
    end = _past(line, at, ",")
    cell = line[at:end]
    if not cell:
        return _ABSENT, end
    if _LITERAL.match(cell):
        return loads(cell), end
    return cell, end


def _past(line: str, at: int, marks: str) -> int:
    ends = [place for mark in marks if (place := line.find(mark, at)) >= 0]
    return min(ends, default=len(line))
