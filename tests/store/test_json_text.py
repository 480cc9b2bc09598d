"""Whatever the journal holds becomes JSON that DuckDB reads."""

from __future__ import annotations

import json
import math
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latprobe.store.json_text import attributes_json, json_text

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


@pytest.mark.parametrize("length", [1, 300])
def test_attributes_are_written_as_any_other_value(length: int) -> None:
    signs = [*map(chr, range(0x180)), "\u2028", "\ud800", "\U0001f600", '\\"\\\\"', "</"]
    for sign in signs:
        text = "a word " * length + sign + " and more"
        attributes = {"text": text, sign: sign, "count": 7, "rate": 0.5, "list": [text, None]}
        assert attributes_json(attributes) == json_text(attributes)


def test_no_attributes_are_no_text() -> None:
    assert attributes_json({}) is None


def test_a_number_with_too_many_digits_and_a_name_that_is_no_text_are_written_all_the_same() -> (
    None
):
    for attributes in ({"big": 10**5_000}, {"n": True, "x": None}, {1: "one", None: b"none"}):
        assert attributes_json(attributes) == json_text(attributes)  # type: ignore[arg-type]  # as from a damaged journal
