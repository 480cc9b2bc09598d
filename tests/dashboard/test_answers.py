"""Answers that are worked out once."""

from __future__ import annotations

import threading
from functools import partial
from itertools import count

import pytest

from latprobe_dashboard.answers import Ahead, Answers, Growing


def test_a_question_is_worked_on_once() -> None:
    answers, numbers = Answers(2), count(1)
    assert [answers.get("a", numbers.__next__) for _ in range(3)] == [1, 1, 1]
    assert next(numbers) == 2


def test_the_answer_nobody_asked_for_longest_is_forgotten() -> None:
    answers = Answers(2)
    asked = [answers.get(name, partial(int, at)) for at, name in enumerate("abacab")]
    assert asked == [0, 1, 0, 3, 0, 5]


def test_a_failure_is_raised_and_not_kept() -> None:
    answers = Answers(2)
    with pytest.raises(ZeroDivisionError):
        answers.get("a", lambda: 1 // 0)
    assert answers.get("a", lambda: 7) == 7


def test_who_asks_while_another_is_at_it_waits_for_the_same_answer() -> None:
    answers, ahead = Answers(2), Ahead()
    has_begun, may_end = threading.Event(), threading.Event()

    def slow() -> str:
        has_begun.set()
        assert may_end.wait(10)
        return "from ahead"

    ahead.begin(lambda: answers.get("a", slow))
    assert has_begun.wait(10)
    threading.Timer(0.01, may_end.set).start()
    assert answers.get("a", lambda: "from the page") == "from ahead"


def test_what_grows_is_made_from_what_it_was() -> None:
    growing: Growing[list[str]] = Growing(lambda: ["read"], lambda before: [*before, "followed"])
    assert growing.get("here", 1) == ["read"]
    assert growing.get("here", 1) is growing.get("here", 1)
    assert growing.get("here", 2) == ["read", "followed"]
    assert growing.get("elsewhere", 2) == ["read"]
    growing.forget()
    assert growing.get("elsewhere", 3) == ["read"]


def test_what_could_not_be_followed_is_tried_again_from_before() -> None:
    tries = count(1)

    def follow(before: int) -> int:
        if next(tries) == 1:
            raise ZeroDivisionError
        return before + 1

    growing = Growing(lambda: 10, follow)
    growing.get("here", 1)
    with pytest.raises(ZeroDivisionError):
        growing.get("here", 2)
    assert growing.get("here", 2) == 11
