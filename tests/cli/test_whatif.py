"""`latprobe whatif`."""

from __future__ import annotations

import json

import pytest

from latprobe.analysis.whatif import (
    Batch,
    CacheHit,
    Change,
    Concurrency,
    Parallel,
    Remove,
    Replicas,
    Scale,
    Tokens,
)
from latprobe.cli.whatif_changes import changes_of
from latprobe.cli.whatif_text import change_text
from latprobe.errors import UsageError
from tests.cli.conftest import Cli


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Scale("ocr", 0.5), "ocr in half the time"),
        (Scale("ocr", 1.25), "ocr in 1.25 times the time"),
        (Remove("ocr"), "without ocr"),
        (Parallel("ocr", "embed"), "ocr beside embed"),
        (CacheHit("ocr", 0.3), "30 % of the calls of ocr from a cache"),
        (Tokens("llm", 0.2, 1.5), "llm with -80 % input tokens and +50 % output tokens"),
        (Tokens("llm", output_limit=1), "llm with at most 1 output token"),
        (Replicas("ocr", 1), "ocr on 1 worker"),
        (Concurrency(8), "at most 8 requests at once"),
        (Batch("ocr", 16), "ocr in batches of 16"),
    ],
)
def test_a_change_is_said_in_words(change: Change, words: str) -> None:
    assert change_text(change) == words


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
