"""Answers beside recorded ones: fields, schema, texts."""

from __future__ import annotations

from typing import Any

import pytest

from latprobe.advice.replay.agreement import ABSENT, Comparison, Schema, fields_of

RECORDED: list[dict[str, Any]] = [
    {"answer": "12 May", "sure": 0.9, "of": {"page": 1, "line": None}, "related": ["a"]},
    {"answer": None, "sure": 1, "of": {"page": 2, "line": 7}, "related": []},
]


def test_fields_are_leaves_and_whole_lists() -> None:
    assert fields_of(RECORDED[0]) == {
        "answer": "12 May", "sure": 0.9, "of.page": 1, "of.line": None, "related": ["a"],
    }  # fmt: skip
    assert fields_of([1, 2]) == {"": [1, 2]}


def test_equal_fields_are_counted_whatever_blanks_and_spelling() -> None:
    comparison = Comparison(Schema.of(RECORDED))
    same = {"answer": " 12  May", "sure": 0.90, "of": {"page": 1.0, "line": None}, "related": ["a"]}
    assert comparison.score(RECORDED[0], same).share == 1.0
    other = {**RECORDED[0], "answer": "13 May", "of": {"page": 1}}
    score = comparison.score(RECORDED[0], other)
    assert {path for path, equal in score.fields.items() if not equal} == {"answer", "of.line"}
    assert (score.share, score.is_valid) == (0.6, False)


def test_true_is_not_one() -> None:
    comparison = Comparison(Schema.of([{"a": 1}]))
    assert comparison.score({"a": 1}, {"a": True}).share == 0.0


def test_the_schema_takes_what_was_recorded_and_nothing_else() -> None:
    schema = Schema.of(RECORDED)
    assert schema.fits({**RECORDED[0], "answer": None, "related": []})
    assert not schema.fits({**RECORDED[0], "answer": 3})
    assert not schema.fits({**RECORDED[0], "more": 1})
    assert not schema.fits({"answer": "x"})
    assert not schema.fits([1])


def test_an_answer_that_cannot_be_read_has_no_field() -> None:
    score = Comparison(Schema.of(RECORDED)).score(RECORDED[0], ABSENT)
    assert (score.share, score.is_valid) == (0.0, False)


def test_texts_are_compared_by_what_must_not_change() -> None:
    comparison = Comparison()
    text = "The rent must not exceed £920 a month."
    assert comparison.score(text, f" {text}\n").share == 1.0
    changed = comparison.score(text, "The rent must exceed £920 a month.")
    assert 0.0 < changed.share < 1.0
    assert changed.is_valid is None
    assert comparison.score("Yes", "No").share == 0.0


def test_words_of_texts_count_in_their_order() -> None:
    comparison = Comparison()
    key = "{'verdict_of_all': %s"
    assert comparison.score(key % "good", key % "bad").share == pytest.approx(1 / 3)
    assert comparison.score("good", "bad").share == 0.0
    assert comparison.score("good", "not good").share == pytest.approx(1 / 3)
    assert comparison.score("pay before use", "use before pay").share == pytest.approx(3 / 5)
    assert comparison.score("\u826f\u3044", "\u60aa\u3044").share == pytest.approx(1 / 3)
    assert comparison.score("12 good", "").share == 0.0
