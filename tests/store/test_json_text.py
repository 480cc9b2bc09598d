"""Whatever the journal holds becomes JSON that DuckDB reads."""

from __future__ import annotations

import json
import math
from typing import Any

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from latprobe.store.json_text import json_text

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.binary()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=10,
)


def test_what_json_cannot_say_becomes_text() -> None:
    value = {"nan": math.nan, "inf": -math.inf, "bytes": b"\xffa", "lone": "\ud800", "big": 1 << 70}

    assert json.loads(json_text(value)) == {
        "nan": "nan",
        "inf": "-inf",
        "bytes": "\\xffa",
        "lone": "?",
        "big": hex(1 << 70),
    }


def test_deep_nesting_is_cut() -> None:
    value: Any = "core"
    for _ in range(1500):
        value = [value]

    assert "(nested too deeply)" in json_text([value, math.nan])


@settings(max_examples=150, deadline=None)
@given(value=VALUES)
def test_duckdb_takes_every_value(value: Any) -> None:
    text = json_text({"value": value})
    row = duckdb.execute("SELECT json_valid(?), ?::JSON::VARCHAR", [text, text]).fetchone()

    assert row == (True, text)
