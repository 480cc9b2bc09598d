from __future__ import annotations

from typing import Any

import pytest

from latprobe.advice.rules import long_history
from tests.advice.answers import Prompt, one, prose, recorded, suggestions
from tests.advice.pipelines import Recording


class Chat:
    """A chat of so many turns, begun anew when it is over; each sends all that was said."""

    def __init__(self, turns: int) -> None:
        self.turns = turns
        self.said: list[str] = []

    def prompt(self, r: Recording, number: int) -> Prompt:
        if number % self.turns == 0:
            self.said = []
        before = [("history", text) for text in self.said]
        question = prose(r, 60)
        self.said += [question, prose(r, 120)]
        return [("system", "Chat."), *before, ("user", question)]


def chats(turns: int, requests: int = 80, **call: Any) -> Recording:
    chat = Chat(turns)
    return recorded(
        lambda r, _: prose(r, r.random.randint(10, 60)),
        prompt=chat.prompt,
        requests=requests,
        **call,
    )


def test_a_history_that_grows_to_be_most_of_the_input_is_cut() -> None:
    found = one(long_history, chats(20))
    assert found.verdict == "do"
    saving = found.saving
    # On average 9.5 turns of 230 tokens went before, of which three stay, and a summary.
    assert saving is not None
    assert saving.input_tokens == pytest.approx((9.5 - 3) * 230 - 150, rel=0.25)


def test_short_chats_are_fine() -> None:
    assert suggestions(long_history, chats(4)) == []


def test_a_cached_history_is_cheaper_as_it_is() -> None:
    recording = chats(20, model="gpt-5", provider="openai")
    for row in recording.usage:
        row["cache_read_tokens"] = row["input_tokens"] // 100 * 97
        row["uncached_input_tokens"] = row["input_tokens"] - row["cache_read_tokens"]
    found = one(long_history, recording)
    assert found.verdict == "don't"
    assert found.reason is not None
    assert "a cut history is a new prefix" in found.reason


def test_a_few_calls_are_not_enough() -> None:
    assert one(long_history, chats(17, requests=17)).verdict == "not enough data"
