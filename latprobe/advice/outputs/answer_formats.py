"""Shorter formats that a model can be asked to answer in, and how each is read back.

Other than `latprobe.advice.compress`, which writes a text that explains itself, these leave their
key to the prompt: the legend and the order of columns are said once there, and never written out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, product
from string import ascii_lowercase
from typing import Any

from latprobe.advice.compress.exact_json import encode, loads
from latprobe.advice.compress.records import is_records, merged_keys
from latprobe.advice.outputs.fields import paths

# Short keys are words already.
_SHORTEST_KEY = 6


@dataclass(frozen=True, slots=True)
class Encoding:
    """`sentence` is what the prompt says, `reader` how the answer is read back.

    `columns` are keys in order by the path of their list, `legend` short keys by long ones.
    """

    name: str
    sentence: str
    reader: str
    columns: dict[str, list[str]] = field(default_factory=dict)
    legend: dict[str, str] = field(default_factory=dict)

    def encode(self, value: Any) -> str:
        """The answer in this format."""
        return encode(_renamed(_rows(value, self.columns, ""), self.legend), is_spelled=True)

    def decode(self, text: str) -> Any:
        """The value of an answer in this format; ValueError where it is not in it."""
        back = {short: key for key, short in self.legend.items()}
        return _records(_renamed(loads(text), back), self.columns, "")

    def keeps(self, value: Any) -> bool:
        """Whether the value, written and read back, is the same, key order and spelling too."""
        try:
            again = self.decode(self.encode(value))
        except (ValueError, TypeError, KeyError, RecursionError):
            return False
        return encode(again, is_spelled=True) == encode(value, is_spelled=True)


def compact_json() -> Encoding:
    """The same JSON without blanks and line ends."""
    return Encoding(
        "compact JSON",
        "Answer with JSON on one line, without spaces or line breaks between its tokens.",
        "json.loads reads it as before.",
    )


def encodings_for(values: Sequence[Any]) -> list[Encoding]:
    """The formats worth trying on answers like these, the plainest first."""
    found = [compact_json()]
    tables = _tables(values)
    legend = _legend(values, tables)
    if legend:
        found.append(_with_legend("JSON with short keys", {}, legend))
    if tables:
        found.append(_with_legend("JSON with rows instead of objects", tables, {}))
        inner = {key: short for key, short in legend.items() if key not in _all_columns(tables)}
        if inner:
            found.append(_with_legend("JSON with rows and short keys", tables, inner))
    return found


def _with_legend(name: str, tables: dict[str, list[str]], legend: dict[str, str]) -> Encoding:
    said = ["Answer with JSON on one line, without spaces."]
    for path, columns in tables.items():
        where = f"{path!r}" if path else "the list"
        said.append(f"Write {where} as rows [{', '.join(columns)}], values only.")
    if legend:
        short = ", ".join(f"{short}={key}" for key, short in legend.items())
        said.append(f"Keys: {short}.")
    reader = "Read it with "
    reader += " and ".join(
        [
            *(["dict(zip(columns, row)) for each row"] if tables else []),
            *(["the legend for the keys"] if legend else []),
        ]
    )
    return Encoding(name, " ".join(said), f"{reader}.", tables, legend)


def _tables(values: Sequence[Any]) -> dict[str, list[str]]:
    """The keys of each list of objects that has the same ones in every answer, by its path."""
    rows: dict[str, list[dict[str, Any]]] = {}
    mixed: set[str] = set()
    for value in values:
        for path, items in _lists(value, ""):
            if is_records(items, fewest=1):
                rows.setdefault(path, []).extend(items)
            elif items:
                mixed.add(path)
    found = {}
    for path, records in rows.items():
        keys = merged_keys(records)
        if path not in mixed and all(list(record) == keys for record in records):
            found[path] = keys
    return found


def _lists(value: Any, path: str) -> Iterator[tuple[str, list[Any]]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _lists(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        yield path, value
        for item in value:
            yield from _lists(item, f"{path}[]")


def _all_columns(tables: dict[str, list[str]]) -> set[str]:
    return {key for columns in tables.values() for key in columns}


def _legend(values: Sequence[Any], tables: dict[str, list[str]]) -> dict[str, str]:
    seen = Counter(
        path.rpartition(".")[2] for value in values for path in dict.fromkeys(paths(value))
    )
    keys = [key for key in seen if len(key) >= _SHORTEST_KEY]
    names = (name for name in _names() if name not in seen)
    return dict(zip(keys, names, strict=False))


def _names() -> Iterator[str]:
    for length in count(1):
        for letters in product(ascii_lowercase, repeat=length):
            yield "".join(letters)


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {names.get(key, key): _renamed(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    return value


def _rows(value: Any, columns: dict[str, list[str]], path: str) -> Any:
    if isinstance(value, dict):
        return {
            key: _rows(item, columns, f"{path}.{key}" if path else key)
            for key, item in value.items()
        }
    if not isinstance(value, list):
        return value
    inner = [_rows(item, columns, f"{path}[]") for item in value]
    if path in columns and all(isinstance(item, dict) for item in inner):
        return [list(item.values()) for item in inner]
    return inner


def _records(value: Any, columns: dict[str, list[str]], path: str) -> Any:
    if isinstance(value, dict):
        return {
            key: _records(item, columns, f"{path}.{key}" if path else key)
            for key, item in value.items()
        }
    if not isinstance(value, list):
        return value
    items = value
    if path in columns:
        items = [dict(zip(columns[path], row, strict=True)) for row in value]
    return [_records(item, columns, f"{path}[]") for item in items]
