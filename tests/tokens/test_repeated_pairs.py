"""Examples that are chosen anew for each call; conversations in windows are none."""

from __future__ import annotations

import random

from latprobe.tokens.repeated_examples import RepeatedExamples
from tests.tokens.test_repeated_examples import Calls, Turns, hashes_of

POOL: list[Turns] = [
    [("user", f"Review {number}: it was {word}"), ("assistant", f"label {number % 3}")]
    for number, word in enumerate(
        [
            "fine",
            "bad",
            "slow",
            "loud",
            "great",
            "dear",
            "cheap",
            "late",
            "warm",
            "cold",
            "odd",
            "new",
        ]
    )
]


def chosen(count: int, *, pairs: int = 3, seed: int = 5) -> list[Turns]:
    """Prompts of a classifier that looks up the examples most like each question."""
    chance = random.Random(seed)
    return [
        [turn for pair in chance.sample(POOL, pairs) for turn in pair]
        + [("user", f"Review {1000 + number}: I do not know what to say")]
        for number in range(count)
    ]


def test_examples_in_ever_another_order_are_found_in_all_calls() -> None:
    calls = Calls()
    for turns in chosen(60):
        calls.call(turns, "label 1")
    kinds = calls.kinds()
    assert kinds[40:] == [["few_shot"] * 6 + ["user"]] * 20
    wrong = sum(kind == "history" for call in kinds for kind in call)
    assert wrong < 0.02 * sum(len(call) for call in kinds)


def test_a_pool_as_the_model_answered_it_before_is_no_example() -> None:
    calls = Calls()
    for pair in POOL:
        calls.call([pair[0]], pair[1][1])
    for turns in chosen(60):
        calls.call(turns, "label 1")
    assert all("few_shot" not in kinds for kinds in calls.kinds())


def test_the_store_is_asked_once_for_a_pair_that_it_has() -> None:
    asked: list[tuple[bytes, bytes]] = []

    def was_said(question: bytes, answer: bytes) -> bool:
        asked.append((question, answer))
        return True

    calls = Calls(examples=RepeatedExamples(was_said=was_said))
    for turns in chosen(60):
        calls.call(turns, "label 1")
    assert all("few_shot" not in kinds for kinds in calls.kinds())
    assert len(asked) == len(set(asked)) <= len(POOL)


def test_a_conversation_of_which_a_window_is_sent_stays_history() -> None:
    """No answer is recorded as it was sent later, as with a program that trims its answers."""
    said: Turns = []
    calls = Calls()
    for number in range(40):
        said.append(("user", f"Question {number}"))
        calls.call(said[-7:], f"Answer {number} ")
        said.append(("assistant", f"Answer {number}"))
    assert all("few_shot" not in kinds for kinds in calls.kinds())


def test_a_greeting_alone_is_no_example_in_later_conversations() -> None:
    hello: Turns = [("user", "Hello"), ("assistant", "Welcome!")]
    calls = Calls()
    for number in range(20):
        topic: Turns = [("user", f"My order {number}"), ("assistant", f"On its way {number}")]
        calls.call([*topic, *hello, ("user", f"And {number}?")])
    assert all("few_shot" not in kinds for kinds in calls.kinds())


def test_real_turns_after_chosen_examples_stay_history() -> None:
    calls = Calls()
    for turns in chosen(40):
        calls.call(turns, "label 1")
        calls.call([*turns, ("assistant", "label 1"), ("user", "Are you sure?")], "Yes")
    for kinds in calls.kinds()[-20:]:
        assert kinds in (
            ["few_shot"] * 6 + ["user"],
            ["few_shot"] * 6 + ["history"] * 2 + ["user"],
        )


def test_what_was_learned_is_known_after_a_restart() -> None:
    known = [("chat", hashes_of([turn for pair in POOL for turn in pair]))]
    calls = Calls(examples=RepeatedExamples(known))
    for turns in chosen(5):
        calls.call(turns, "label 1")
    assert calls.kinds() == [["few_shot"] * 6 + ["user"]] * 5


def test_another_stage_learns_by_itself() -> None:
    calls = Calls()
    for turns in chosen(40):
        calls.call(turns, "label 1")
    calls.call(chosen(1, seed=9)[0], "label 1", stage="other")
    assert calls.kinds()[-1] == ["history"] * 6 + ["user"]
