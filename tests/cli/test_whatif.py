"""`latprobe whatif`."""

from __future__ import annotations

import json

import pytest

from latprobe.analysis.whatif import (
    CacheHit,
    Change,
    Concurrency,
    Parallel,
    Remove,
    Scale,
    Tokens,
)
from latprobe.cli.whatif_changes import changes_of
from latprobe.errors import UsageError
from tests.cli.conftest import Cli


@pytest.mark.parametrize(
    ("typed", "changes"),
    [
        ("--stage a --scale 0.5", [Scale("a", 0.5)]),
        ("--scale=0.5 --stage=a", [Scale("a", 0.5)]),
        ("--stage a --remove --stage b --cache-hit 0.3", [Remove("a"), CacheHit("b", 0.3)]),
        ("--stage a --parallel-with b --since 1h", [Parallel("a", "b")]),
        ("--stage a --output-tokens=-50% --input-tokens=+20%", [Tokens("a", 1.2, 0.5)]),
        ("--stage a --output-tokens 200", [Tokens("a", output_limit=200)]),
        ("--concurrency 8", [Concurrency(8)]),
    ],
)
def test_each_change_is_of_the_stage_before_it(typed: str, changes: list[Change]) -> None:
    assert changes_of(typed.split()) == changes


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "Nothing is to change"),
        ("--stage a", "What is to change in 'a'"),
        ("--scale 0.5", "needs a stage"),
        ("--stage a --input-tokens 200", "such as -80%"),
        ("--stage a --output-tokens half", "such as -50%"),
    ],
)
def test_half_a_question_is_a_usage_error(typed: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        changes_of(typed.split())


@pytest.mark.usefixtures("store")
def test_a_refusal_is_printed_and_leaves_with_3(cli: Cli) -> None:
    found = cli("whatif", "--stage", "ocr", "--scale", "0.5", "--json")
    assert found.code == 3
    answer = json.loads(found.out)
    assert answer["requests"] == 4
    assert "Only 4 finished requests" in answer["refused"]
    assert answer["p50"] == {"before_ms": None, "after_ms": None, "ci95_ms": None}
    assert answer["refused"] in cli("whatif", "--stage", "ocr", "--scale", "0.5").err


@pytest.mark.usefixtures("store")
def test_the_nearest_stage_is_named(cli: Cli) -> None:
    assert "Did you mean 'ocr'?" in cli("whatif", "--stage", "orc", "--remove").err


@pytest.mark.usefixtures("store")
def test_an_impossible_change_is_a_usage_error(cli: Cli) -> None:
    assert cli("whatif", "--stage", "ocr", "--scale", "-1").code == 2
