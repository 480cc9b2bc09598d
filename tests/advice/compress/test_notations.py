"""What the notations look like, and what a model's answer in them decodes to."""

from __future__ import annotations

import json

import pytest

from latprobe.advice.compress import columnar, csv_typed, defaults, short_ids, short_keys, toon
from latprobe.advice.compress.contract import Candidate, Compressor
from latprobe.advice.compress.decode import decompress
from latprobe.advice.compress.exact_json import context_of
from latprobe.errors import UsageError

ORDERS = [
    {"id": 1, "city": "Graz", "paid": True, "by": {"name": "Ada", "zip": "8010"}, "note": None},
    {"id": 2, "city": "Graz", "paid": False, "by": {"name": "Bo, Jr.", "zip": "8020"}},
    {"id": 3, "city": "Graz", "paid": True, "by": {"name": "Cy", "zip": "8010"}},
]


def only(compressor: Compressor, value: object) -> Candidate:
    text = json.dumps(value)
    (candidate,) = compressor.candidates(text, context_of(text))
    return candidate


def test_csv_keeps_types_and_absent_keys() -> None:
    assert only(csv_typed, ORDERS).text.split("\n") == [
        "id,city=Graz,paid,by.name,by.zip,note",
        '1,true,Ada,"8010",null',
        '2,false,"Bo, Jr.","8020",',
        '3,true,Cy,"8010",',
    ]


def test_tables_inside_other_json_stand_behind_it() -> None:
    value = {"total": 2, "rows": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]}
    assert only(csv_typed, value).text == (
        '{"total":2,"rows":"table 1"}\n\ntable 1:\na,b\n1,x\n2,y'
    )


def test_columnar_goes_into_objects_and_lists() -> None:
    value = [
        {"id": 1, "lines": [{"sku": "a", "n": 1}, {"sku": "b", "n": 2}]},
        {"id": 2, "lines": [{"sku": "c", "n": 3}]},
    ]
    assert only(columnar, value).text == (
        '{"columns":["id",{"lines[]":["sku","n"]}],"rows":[[1,[["a",1],["b",2]]],[2,[["c",3]]]]}'
    )


def test_columnar_names_what_stands_for_an_absent_key() -> None:
    assert json.loads(only(columnar, ORDERS).text) == {
        "absent": "~",
        "columns": ["id", "city", "paid", {"by": ["name", "zip"]}, "note"],
        "same": {"city": "Graz"},
        "rows": [
            [1, True, ["Ada", "8010"], None],
            [2, False, ["Bo, Jr.", "8020"], "~"],
            [3, True, ["Cy", "8010"], "~"],
        ],
    }


def test_defaults_hold_what_most_records_have() -> None:
    value = [{"id": n, "state": "open" if n else "closed", "by": {"team": "x"}} for n in range(4)]
    assert json.loads(only(defaults, value).text) == {
        "defaults": {"id": None, "state": "open", "by": {"team": "x"}},
        "records": [{"id": 0, "state": "closed"}, {"id": 1}, {"id": 2}, {"id": 3}],
    }


def test_long_keys_get_a_legend() -> None:
    value = [{"customer_identifier": 1}, {"customer_identifier": 2}, {"customer_identifier": 3}]
    assert only(short_keys, value).text == (
        '{"keys":{"a":"customer_identifier"},"data":[{"a":1},{"a":2},{"a":3}]}'
    )


def test_ids_are_short_with_their_map_inside_or_aside() -> None:
    one = "7d9f1c1e-5b0a-4c5e-9b57-0f4d6a1f2b3c"
    text = json.dumps({"from": one, "to": one})
    inside, aside = short_ids.candidates(text, context_of(text))
    assert (inside.kind, inside.text) == (
        "lossless",
        f'{{"ids":{{"#1":"{one}"}},"data":{{"from":"#1","to":"#1"}}}}',
    )
    assert (aside.kind, aside.text, aside.aside) == ("near", '{"from":"#1","to":"#1"}', {"#1": one})
    assert short_ids.put_back("It is #1, not #2.", aside.aside or {}) == f"It is {one}, not #2."


def test_toon_is_lossless_but_for_whole_fractions() -> None:
    assert only(toon, [{"a": 1}, {"a": 2}]).kind == "lossless"
    near = only(toon, [{"a": 1.0}, {"a": 2.5}])
    assert (near.kind, near.check.executed) == (
        "near",
        "fractions like 1.0 are written 1; decoded by toons, all else is equal",
    )


def test_a_models_answer_in_csv_is_read_with_types() -> None:
    assert decompress('name,age,vip\nAda,36,true\n"Bo, Jr.",,false\n', "csv_typed") == [
        {"name": "Ada", "age": 36, "vip": True},
        {"name": "Bo, Jr.", "vip": False},
    ]


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("a,b\n1", "csv_typed"),
        ('a\n"x"y', "csv_typed"),
        ('{"columns":["a","b"],"rows":[[1]]}', "json_columnar"),
        ('{"columns":["a"],"rows":[1]}', "json_columnar"),
        ('{"defaults":1}', "json_short_keys"),
        ("no log", "log_templates"),
        ('[same as above: "nothing ..."]', "repeats"),
    ],
)
def test_a_broken_answer_is_a_value_error(text: str, step: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # each notation says it in its own words
        decompress(text, step)


def test_an_unknown_notation_is_said() -> None:
    with pytest.raises(UsageError, match="'yaml' cannot be undone"):
        decompress("a: 1", "yaml")
    with pytest.raises(UsageError, match="Name the notation"):
        decompress("a: 1")
