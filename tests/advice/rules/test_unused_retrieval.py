from __future__ import annotations

import pytest

from latprobe.advice.rules import unused_retrieval
from tests.advice.answers import Prompt, figures, one, prose, recorded, suggestions
from tests.advice.pipelines import Recording


class Answering:
    """Ten chunks with words of their own, and an answer out of one of the first `best`."""

    def __init__(self, best: int) -> None:
        self.best = best
        self.chunks: list[str] = []

    def prompt(self, r: Recording, number: int) -> Prompt:
        self.chunks = [
            " ".join(f"fact{number}x{rank}x{r.random.randint(100, 999)}" for _ in range(12))
            for rank in range(10)
        ]
        return [("retrieved", text) for text in self.chunks] + [("user", "What is it?")]

    def answer(self, r: Recording, _: int) -> str:
        words = self.chunks[r.random.randrange(self.best)].split()
        return f"It says {' '.join(r.random.sample(words, 6))}, so far as is known."


def test_chunks_behind_the_ranks_that_answers_draw_on_are_not_retrieved() -> None:
    answering = Answering(best=3)
    found = one(unused_retrieval, recorded(answering.answer, prompt=answering.prompt))
    assert found.verdict == "do"
    assert "Retrieve 4 chunks for llm, not 10" in found.title
    assert figures(found)["deepest rank drawn on"] == 3
    saving = found.saving
    assert saving is not None
    assert saving.input_tokens is not None
    assert saving.tokens_estimated


def test_where_all_ranks_serve_it_is_silent() -> None:
    answering = Answering(best=10)
    assert suggestions(unused_retrieval, recorded(answering.answer, prompt=answering.prompt)) == []


def test_answers_in_other_words_say_nothing_about_chunks() -> None:
    answering = Answering(best=3)
    other = recorded(lambda r, _: "It is as it was before.", prompt=answering.prompt)
    assert suggestions(unused_retrieval, other) == []


def test_phrases_tell_where_chunks_share_their_words() -> None:
    answering = Answering(best=2)

    def prompt(r: Recording, number: int) -> Prompt:
        answering.chunks = [prose(r, 45) for _ in range(10)]
        return [("retrieved", text) for text in answering.chunks] + [("user", "What is it?")]

    def answer(r: Recording, _: int) -> str:
        words = answering.chunks[r.random.randrange(2)].split()
        return "It says: " + " ".join(words[3:15])

    found = one(unused_retrieval, recorded(answer, prompt=prompt, requests=50))
    assert found.verdict == "do"


def test_thirty_calls_are_not_enough() -> None:
    answering = Answering(best=3)
    few = recorded(answering.answer, prompt=answering.prompt, requests=30)
    assert one(unused_retrieval, few).verdict == "not enough data"


def test_calls_without_chunks_save_nothing() -> None:
    answering = Answering(best=3)
    always = one(unused_retrieval, recorded(answering.answer, prompt=answering.prompt, requests=60))
    mixed = recorded(answering.answer, prompt=answering.prompt, requests=60)
    without = {row["span_id"] for row in mixed.usage[::6]}
    mixed.parts = [
        part
        for part in mixed.parts
        if part["part"] != "retrieved" or part["span_id"] not in without
    ]
    found = one(unused_retrieval, mixed)
    assert always.saving is not None
    assert always.saving.input_tokens is not None
    assert found.saving is not None
    assert found.saving.input_tokens == pytest.approx(always.saving.input_tokens * 5 / 6, rel=0.02)
