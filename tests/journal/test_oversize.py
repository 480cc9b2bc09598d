"""Spans that hold more than a frame can."""

from __future__ import annotations

import json
import marshal
from typing import Any

import hypothesis.strategies as st
from hypothesis import given

from latprobe.journal.oversize import LEAST_BYTES, TRUNCATED, cut_down

LIMIT = 100_000


def test_the_largest_values_are_cut_and_the_others_stay() -> None:
    attributes: dict[str, Any] = {"model": "m", "n": 3, "prompt": "p" * 90_000, "note": "n" * 200}
    events = [("gen_ai.user.message", 7, {"content": "é" * 60_000, "id": 1})]

    payload = cut_down(attributes, (events, None, {"k": 1}), limit_bytes=LIMIT)

    assert payload is not None
    kept, [(name, offset, held)], links, extra = marshal.loads(payload)
    assert json.loads(kept.pop(TRUNCATED)) == {
        "prompt": 90_000,
        "gen_ai.user.message/content": 120_000,
    }
    assert (kept["model"], kept["n"], kept["note"]) == ("m", 3, "n" * 200)
    assert (name, offset, held["id"], links, extra) == ("gen_ai.user.message", 7, 1, None, {"k": 1})
    assert 40_000 < len(kept["prompt"]) < 50_000
    assert set(held["content"]) == {"é"}
    assert 90_000 < len(payload) <= LIMIT
    assert len(attributes["prompt"]) == 90_000


def test_a_large_list_leaves_its_size() -> None:
    payload = cut_down({"embedding": [0.5] * 50_000, "model": "m"}, None, limit_bytes=LIMIT)

    assert payload is not None
    kept = marshal.loads(payload)
    assert (kept["embedding"], kept["model"]) == ({"bytes": 450_005}, "m")


def test_many_small_values_that_are_too_much_together_give_nothing() -> None:
    assert cut_down({f"k{n}": "v" * 100 for n in range(1_000)}, None, limit_bytes=LIMIT) is None


SIZES = st.tuples(st.integers(0, 80_000), st.sampled_from(["a", "é", "中", "😀"]))


@given(st.lists(SIZES, max_size=8))
def test_whatever_the_sizes_the_payload_is_within_the_limit(sizes: list[tuple[int, str]]) -> None:
    attributes: dict[str, Any] = {f"k{i}": letter * n for i, (n, letter) in enumerate(sizes)}

    payload = cut_down(attributes, None, limit_bytes=LIMIT)

    assert payload is not None
    assert len(payload) <= LIMIT
    kept = marshal.loads(payload)
    lost = json.loads(kept[TRUNCATED])
    for name, text in attributes.items():
        assert text.startswith(kept[name])
        assert (kept[name] == text) == (name not in lost)
        assert name not in lost or len(kept[name].encode()) > LEAST_BYTES - 4
