"""Defaults factored out of records: the usual value of each key once, then what differs.

`{"defaults": {...}, "records": [{...}, ...]}`: a record has the defaults' keys, in their order, and
its own values where it names them. Objects inside are written the same way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from latprobe.advice.compress.contract import Candidate, Check, Context
from latprobe.advice.compress.exact_json import encode, is_same, loads
from latprobe.advice.compress.records import Record, is_records, mapped, merged_keys, replace_tables

name = "json_defaults"

_KEYS = {"defaults", "records"}
# A value that fewer records have is not usual.
_USUAL_SHARE = 0.5
_FEWEST = 3


def candidates(text: str, context: Context) -> list[Candidate]:
    """The JSON with defaults; none where no table has a usual value."""
    if not context.is_json:
        return []
    made: list[bool] = []
    value, _ = replace_tables(context.value, lambda records: _factored(records, made))
    if not any(made):
        return []
    written = encode(value, is_spelled=context.is_spelled)
    if not is_same(decode(written), context):
        return []
    check = Check("defaults filled in again and equal")
    return [Candidate(written, (name,), "lossless", check, value=value)]


def decode(text: str) -> object:
    """The value with whole records."""
    return mapped(loads(text), _whole)


def _factored(records: list[Record], made: list[bool]) -> object:
    defaults = _defaults(records) if len(records) >= _FEWEST else {}
    if not defaults:
        return records
    made.append(True)
    return {"defaults": defaults, "records": [_rest(record, defaults) for record in records]}


def _defaults(records: Sequence[Record]) -> Record:
    """The keys of all records with their usual values, null where no value is; {} for no use."""
    shared = [key for key in merged_keys(records) if all(key in record for record in records)]
    found: Record = {}
    is_of_use = False
    for key in shared:
        values = [record[key] for record in records]
        usual = _defaults(values) if is_records(values) else _usual(values)
        is_of_use = is_of_use or usual not in (None, {})
        found[key] = None if usual == {} else usual
    return found if is_of_use else {}


def _usual(values: Sequence[Any]) -> Any:
    """What most of the values are; None where none is usual, or it is an object."""
    value, times = _most_common(values)
    return value if times >= _USUAL_SHARE * len(values) and not isinstance(value, dict) else None


def _most_common(values: Sequence[Any]) -> tuple[Any, int]:
    written = [_key(value) for value in values]
    usual, times = Counter(written).most_common(1)[0]
    return values[written.index(usual)], times


def _key(value: Any) -> str:
    """What tells values apart: `1`, `1.0`, `true` and "1"."""
    if value is None or isinstance(value, int):
        return f"\0{value!r}"
    return value if isinstance(value, str) else f"\0{encode(value, is_spelled=True)}"


def _rest(record: Record, defaults: Record) -> Record:
    found: Record = {}
    for key, value in record.items():
        if key not in defaults:
            found[key] = value
        elif isinstance(defaults[key], dict):
            below = _rest(value, defaults[key])
            if below:
                found[key] = below
        elif _key(value) != _key(defaults[key]):
            found[key] = value
    return found


def _whole(value: Any) -> Any:
    if not isinstance(value, dict) or value.keys() != _KEYS:
        return value
    defaults, records = value["defaults"], value["records"]
    if not isinstance(defaults, dict) or not isinstance(records, list):
        return value
    if not all(isinstance(record, dict) for record in records):
        return value
    return [_merged(defaults, record) for record in records]


def _merged(defaults: Record, record: Record) -> Record:
    """The record's own keys in their order, the defaults' before those that follow them there."""
    found: Record = {}
    for key, value in defaults.items():
        if isinstance(value, dict):
            found[key] = _merged(value, record.get(key, {}))
        else:
            found[key] = record.get(key, value)
    found.update((key, value) for key, value in record.items() if key not in defaults)
    return found
