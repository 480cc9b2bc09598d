from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from latprobe.advice.outputs.answer_formats import encodings_for

_KEYS = st.sampled_from(["id", "customer", "description", "quantity", "a", "items", "a.b", "x[]"])
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=25,
)


@settings(max_examples=100, deadline=None)
@given(values=st.lists(_VALUES, min_size=1, max_size=4))
def test_a_format_that_says_it_keeps_a_value_gives_it_back(values: list[Any]) -> None:
    for encoding in encodings_for(values):
        for value in values:
            if encoding.keeps(value):
                again = encoding.decode(encoding.encode(value))
                assert json.dumps(again) == json.dumps(value)


@settings(max_examples=60, deadline=None)
@given(values=st.lists(_VALUES, min_size=1, max_size=4))
def test_the_plainest_format_keeps_every_value(values: list[Any]) -> None:
    assert all(encodings_for(values)[0].keeps(value) for value in values)


def test_lists_of_objects_alike_become_rows_and_long_keys_short_ones() -> None:
    values = [{"customers": [{"identifier": 1, "ok": True}, {"identifier": 2, "ok": False}]}] * 2
    written = {each.name: each.encode(values[0]) for each in encodings_for(values)}
    assert written == {
        "compact JSON": '{"customers":[{"identifier":1,"ok":true},{"identifier":2,"ok":false}]}',
        "JSON with short keys": '{"a":[{"b":1,"ok":true},{"b":2,"ok":false}]}',
        "JSON with rows instead of objects": '{"customers":[[1,true],[2,false]]}',
        "JSON with rows and short keys": '{"a":[[1,true],[2,false]]}',
    }


def test_objects_that_are_not_alike_stay_objects() -> None:
    values = [{"items": [{"id": 1}, {"id": 2, "x": 3}]}]
    assert [each.name for each in encodings_for(values)] == ["compact JSON"]
