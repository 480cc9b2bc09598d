"""Examples among the messages."""

from __future__ import annotations

import pytest

from latprobe.tokens.dissect import dissect_request

Message = dict[str, str]


def message(role: str, content: str, **more: str) -> Message:
    return {"role": role, "content": content, **more}


def kinds(*messages: Message) -> list[str]:
    return [part.kind for part in dissect_request(list(messages)).parts]


def test_messages_named_as_examples_are_examples() -> None:
    found = kinds(
        message("system", "Translate."),
        message("system", "chat", name="example_user"),
        message("system", "cat", name="example_assistant"),
        message("user", "chien"),
    )
    assert found == ["system", "few_shot", "few_shot", "user"]


def test_pairs_with_the_label_of_the_last_question_are_examples() -> None:
    found = kinds(
        message("system", "Judge the review."),
        message("user", "Review: I loved it"),
        message("assistant", "positive"),
        message("user", "Review: never again"),
        message("assistant", "negative"),
        message("user", "Review: it was fine"),
    )
    assert found == ["system", "few_shot", "few_shot", "few_shot", "few_shot", "user"]


@pytest.mark.parametrize(
    "messages",
    [
        [("user", "Review: a"), ("assistant", "b"), ("user", "Review: c")],
        [
            ("user", "What is due?"),
            ("assistant", "Rent"),
            ("user", "And when?"),
            ("assistant", "In May"),
            ("user", "Thanks"),
        ],
        [
            ("user", "Review: a"),
            ("assistant", "b"),
            ("user", "Mail: c"),
            ("assistant", "d"),
            ("user", "Review: e"),
        ],
    ],
    ids=["one pair", "a conversation", "two labels"],
)
def test_anything_less_clear_is_history(messages: list[tuple[str, str]]) -> None:
    found = kinds(*(message(role, text) for role, text in messages))
    assert found == ["history"] * (len(messages) - 1) + ["user"]
