"""The ways to write a text of a prompt that the Prompts page offers."""

from __future__ import annotations

import json

from latprobe_dashboard.prompt_options import ways_to_write

RECORDS = [{"id": at, "name": f"Item {at}", "price": at * 1.5, "note": None} for at in range(20)]
TEXT = "Records:\n" + json.dumps(RECORDS, indent=2)


def test_every_way_is_listed_counted_and_the_best_lossless_one_is_chosen() -> None:
    found = ways_to_write(TEXT, model="gpt-4o-mini")
    keys = [each.key for each in found.ways]
    assert {"json_minify", "json_columnar", "csv_typed", "toon"} <= set(keys)
    assert len(keys) == len(set(keys))
    assert [each.tokens for each in found.ways] == sorted(each.tokens for each in found.ways)
    assert all(each.tokens < found.tokens for each in found.ways)
    assert all(each.text.startswith("Records:") for each in found.ways)
    best = found.chosen(None)
    assert best is not None
    assert best.kind == "lossless"
    minified = found.chosen("json_minify")
    assert minified is not None
    assert json.loads(minified.text.removeprefix("Records:\n")) == RECORDS
    assert found.chosen("nonsense") == best


def test_a_text_without_a_shorter_way_has_none() -> None:
    found = ways_to_write("Where is my order?", model="gpt-4o-mini")
    assert found.ways == ()
    assert found.chosen(None) is None
