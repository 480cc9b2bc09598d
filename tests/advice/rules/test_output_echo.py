from __future__ import annotations

import pytest

from latprobe.advice.rules import output_echo
from tests.advice.answers import MS_A_TOKEN, Prompt, one, prose, recorded, suggestions
from tests.advice.pipelines import Recording, _tokens


class Echoing:
    """Answers that begin with the question that was asked."""

    def __init__(self) -> None:
        self.asked = ""

    def prompt(self, r: Recording, _: int) -> Prompt:
        self.asked = prose(r, r.random.randint(15, 120))
        return [("system", "Answer the question."), ("user", self.asked)]

    def answer(self, r: Recording, _: int) -> str:
        return f"You asked: {self.asked}\n\n{prose(r, r.random.randint(5, 60))}"


def test_a_repeated_question_is_found_and_counted() -> None:
    echo = Echoing()
    recording = recorded(echo.answer, prompt=echo.prompt)
    found = one(output_echo, recording)
    questions = [text["text"] for text in recording.texts.values() if text["part"] == "user"]
    typical = sum(map(_tokens, questions)) / len(questions)
    saving = found.saving
    assert found.verdict == "do"
    assert saving is not None
    assert saving.output_tokens is not None
    assert saving.p50_ms is not None
    assert saving.output_tokens == pytest.approx(typical, rel=0.1)
    assert saving.p50_ms.value == pytest.approx(MS_A_TOKEN * saving.output_tokens, rel=0.15)
    assert found.sample is not None
    assert "You asked: …" in found.sample.after


def test_answers_in_their_own_words_are_fine_and_so_are_short_quotes() -> None:
    echo = Echoing()

    def quote(r: Recording, _: int) -> str:
        words = echo.asked.split()[:9]
        return f'{prose(r, 30)} "{" ".join(words)}" {prose(r, 20)}'

    assert suggestions(output_echo, recorded(quote, prompt=echo.prompt)) == []


def test_an_extract_is_what_was_asked_for() -> None:
    echo = Echoing()
    extract = recorded(lambda r, _: echo.asked[: len(echo.asked) * 2 // 3], prompt=echo.prompt)
    assert suggestions(output_echo, extract) == []


def test_all_of_the_question_with_a_label_is_no_extract() -> None:
    echo = Echoing()
    labelled = recorded(lambda r, _: f"Ticket: {echo.asked}\nPriority: P1", prompt=echo.prompt)
    assert one(output_echo, labelled).verdict == "do"
    verbatim = recorded(lambda r, _: echo.asked, prompt=echo.prompt)
    assert suggestions(output_echo, verbatim) == []


def test_a_few_calls_are_not_enough() -> None:
    echo = Echoing()
    few = recorded(echo.answer, prompt=echo.prompt, requests=7)
    assert one(output_echo, few).verdict == "not enough data"
