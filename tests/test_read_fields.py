"""Which fields of an answer are read, and that the answer stays what it was."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

import latprobe
from latprobe import read_fields
from latprobe.read_fields import FIELDS, READ
from latprobe.testing import MemorySink, capture

ANSWER: dict[str, Any] = {
    "name": "x",
    "items": [{"id": 1, "note": "a"}, {"id": 2, "note": "b"}],
    "more": {"why": "because", "sure": 0.5},
}
ALL = ["name", "items", "items[].id", "items[].note", "more", "more.why", "more.sure"]


@pytest.fixture(autouse=True)
def _nothing_read_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_fields, "_outside", set())


def attributes(sink: MemorySink, name: str) -> dict[str, Any]:
    (span,) = (span for span in sink.spans if span.name == name)
    return dict(span.attributes or {})


def reads(use: Any) -> list[str]:
    """What is recorded as read when `use` gets the answer."""
    with capture() as sink, latprobe.stage("llm"):
        use(latprobe.watch_fields(copy.deepcopy(ANSWER)))
    found = attributes(sink, "llm")
    assert found[FIELDS] == ALL
    return sorted(found[READ])


def test_fields_are_noted_as_they_are_read() -> None:
    assert reads(lambda answer: answer["name"]) == ["name"]
    assert reads(lambda answer: answer.get("more").get("sure")) == ["more", "more.sure"]
    assert reads(lambda answer: [each["id"] for each in answer["items"]]) == ["items", "items[].id"]
    assert reads(lambda answer: "name" in answer) == []
    assert reads(lambda answer: answer.get("nothing")) == []
    assert reads(lambda answer: answer.pop("name")) == ["name"]


@pytest.mark.parametrize(
    "use",
    [json.dumps, repr, copy.deepcopy, pickle.dumps, lambda answer: answer == ANSWER],
    ids=["json", "repr", "deepcopy", "pickle", "equal"],
)
def test_what_goes_over_all_of_it_reads_all_of_it(use: Any) -> None:
    assert reads(use) == sorted(ALL)


@pytest.mark.parametrize(
    "use",
    [dict, lambda answer: {**answer}, lambda answer: list(answer.values()), lambda a: a | {}],
    ids=["dict", "spread", "values", "union"],
)
def test_what_takes_the_values_of_an_object_reads_these(use: Any) -> None:
    assert reads(use) == ["items", "more", "name"]


def test_the_answer_is_equal_and_so_is_what_it_is_written_as() -> None:
    with capture(), latprobe.stage("llm"):
        answer = latprobe.watch_fields(copy.deepcopy(ANSWER))
        assert isinstance(answer, dict)
        assert answer == ANSWER
        assert json.dumps(answer) == json.dumps(ANSWER)
        assert type(copy.deepcopy(answer)) is dict
        assert pickle.loads(pickle.dumps(answer)) == ANSWER
        answer["name"] = "y"
        assert answer["name"] == "y"


def test_reads_after_the_stage_go_to_the_stage_that_is_open_then() -> None:
    with capture() as sink, latprobe.stage("root"):
        with latprobe.stage("llm"):
            answer = latprobe.watch_fields(copy.deepcopy(ANSWER))
        with latprobe.stage("use"):
            assert answer["name"] == "x"
        assert answer["more"]["sure"] == 0.5
    assert attributes(sink, "llm")[READ] == []
    assert attributes(sink, "use")[READ] == ["name"]
    assert attributes(sink, "root")[READ] == ["more", "more.sure"]


def test_reads_after_the_request_are_said_with_the_next_answer() -> None:
    with capture() as sink:
        with latprobe.stage("first"):
            answer = latprobe.watch_fields(copy.deepcopy(ANSWER))
        assert answer["name"] == "x"
        with latprobe.stage("second"):
            latprobe.watch_fields(copy.deepcopy(ANSWER))
    assert attributes(sink, "first")[READ] == []
    assert attributes(sink, "second")[READ] == ["name"]


def test_two_answers_in_one_stage_are_noted_together() -> None:
    with capture() as sink, latprobe.stage("llm"):
        first = latprobe.watch_fields({"a": 1, "b": 2})
        second = latprobe.watch_fields({"b": 3, "c": 4})
        assert first["a"] + second["c"] == 5
    found = attributes(sink, "llm")
    assert (found[FIELDS], found[READ]) == (["a", "b", "c"], ["a", "c"])


def test_while_nothing_records_the_answer_itself_comes_back() -> None:
    assert latprobe.watch_fields(ANSWER) is ANSWER
    with capture():
        assert latprobe.watch_fields(ANSWER) is ANSWER  # no stage is open
        with latprobe.stage("llm"):
            assert latprobe.watch_fields("text") == "text"
            assert latprobe.watch_fields(None) is None


def test_what_is_nested_without_end_does_not_break_anything() -> None:
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]
    with capture(), latprobe.stage("llm"):
        assert latprobe.watch_fields({"deep": deep})["deep"] is not None
