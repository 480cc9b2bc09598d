"""Parts whose texts were not kept, read back."""

from __future__ import annotations

import json

import pytest

from latprobe.tokens.dissect import dissect
from latprobe.tokens.kept_parts import read_parts
from latprobe.tokens.part import Dissected, Media, Part

HEAD = {
    "format": "openai.chat",
    "messages": 2,
    "named_messages": 1,
    "tools_called": ["due"],
    "tools_offered": ["due", "paid"],
    "stops_early": True,
}
TEXT = {
    "side": "input",
    "kind": "system",
    "role": "system",
    "name": "ann",
    "hash": "0f" * 16,
    "bytes": 10,
    "characters": 9,
    "counts": {"o200k_base": 3},
}
IMAGE = {
    "side": "input",
    "kind": "image",
    "hash": "1f" * 16,
    "media": {"kind": "image", "mime_type": "image/png", "bytes": 7, "width": 2, "height": 3},
}


def test_parts_come_back_with_what_was_known_of_them() -> None:
    found = dissect(
        {"latprobe.parts": json.dumps([HEAD, TEXT, IMAGE]), "gen_ai.input.messages": "gone"}
    )
    assert found == Dissected(
        parts=(
            Part(
                "input", "system", "system", None, None, "ann", "0f" * 16, 10, 9,
                {"o200k_base": 3},
            ),
            Part(
                "input", "image", None, None,
                Media("image", "image/png", 7, None, 2, 3, None, None, None),
                hash="1f" * 16,
            ),
        ),
        messages=2,
        named_messages=1,
        format="openai.chat",
        problem=None,
        tools_called=("due",),
        tools_offered=("due", "paid"),
        stops_early=True,
    )  # fmt: skip


def test_parts_without_a_head_come_back_too() -> None:
    found = read_parts([TEXT])
    assert found is not None
    assert ([part.kind for part in found.parts], found.messages) == (["system"], 0)


@pytest.mark.parametrize("value", [None, 7, "text", "[{", {"parts": 3}, {}, [], "[" * 100_000])
def test_what_holds_no_parts_is_none(value: object) -> None:
    assert read_parts(value) is None


def test_impossible_figures_are_none() -> None:
    part = {"bytes": -1, "characters": 2**70, "counts": {"a": True, "b": "3", "c": 4}, "hash": 5}
    found = read_parts(json.dumps([{**part, "side": "output"}]))
    assert found is not None
    (kept,) = found.parts
    assert (kept.side, kept.bytes, kept.characters, kept.counts, kept.hash) == (
        "output",
        None,
        None,
        {"c": 4},
        None,
    )
