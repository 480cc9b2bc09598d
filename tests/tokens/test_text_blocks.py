"""Retrieved texts and examples that a longer text marks itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latprobe.tokens.text_blocks import split_blocks

MARKS = [
    "<context>", "</context>", "<documents>", "</documents>", "<example>", "</example>",
    "Context:", "Question:", "Examples:", "Input:", "Output:", "\n", "\n\n", " ", "words", "#",
    "<document id='1'>", "</document>", "\u0130",
]  # fmt: skip


def test_a_tagged_context_is_retrieved_with_its_tags() -> None:
    text = "Use this.\n<context>\nRent is 900.\n</context>\nWhat is the rent?"
    assert split_blocks(text, kind="user") == [
        ("user", "Use this.\n"),
        ("retrieved", "<context>\nRent is 900.\n</context>\n"),
        ("user", "What is the rent?"),
    ]


def test_tagged_documents_one_after_the_other_are_one_retrieved_part() -> None:
    text = "<document id='1'>Rent is 900.</document>\n<document id='2'>Due in May.</document>\nSo?"
    assert split_blocks(text, kind="user") == [("retrieved", text[:-3]), ("user", "So?")]


def test_a_labelled_context_ends_at_the_question() -> None:
    text = "Answer briefly.\n\nContext:\nRent is 900.\n\nQuestion: What is the rent?"
    assert split_blocks(text, kind="user") == [
        ("user", "Answer briefly.\n\n"),
        ("retrieved", "Context:\nRent is 900.\n\n"),
        ("user", "Question: What is the rent?"),
    ]


def test_a_labelled_context_after_the_question_goes_to_the_end() -> None:
    text = "## Question: What is the rent?\n\n## Context:\nRent is 900."
    assert split_blocks(text, kind="user") == [
        ("user", "## Question: What is the rent?\n\n"),
        ("retrieved", "## Context:\nRent is 900."),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Context: we met in May. I want to know what the rent is now.",
        "In this context: nothing is labelled. Question: none either.",
        "A <context> that nobody closes, and a question: what now?",
        "For example: the rent of flat 3 is 900, and of flat 4 is 950.",
        "Examples are on page 3. Input: none. Output: none.",
    ],
)
def test_unclear_marks_cut_nothing(text: str) -> None:
    assert split_blocks(text, kind="user") == [("user", text)]


def test_labelled_pairs_of_input_and_output_are_examples() -> None:
    text = (
        "Classify the mail.\n\nExamples:\nInput: I want my money back\nOutput: refund\n\n"
        "Input: Where is it?\nOutput: delivery\n\nAnswer with one word."
    )
    assert split_blocks(text, kind="system") == [
        ("system", "Classify the mail.\n\n"),
        (
            "few_shot",
            "Examples:\nInput: I want my money back\nOutput: refund\n\n"
            "Input: Where is it?\nOutput: delivery\n\n",
        ),
        ("system", "Answer with one word."),
    ]


def test_numbered_and_tagged_examples_are_examples() -> None:
    numbered = "Translate.\nExample 1:\nQ: chat\nA: cat\nExample 2:\nQ: chien\nA: dog\nNow you."
    assert split_blocks(numbered, kind="system") == [
        ("system", "Translate.\n"),
        ("few_shot", "Example 1:\nQ: chat\nA: cat\nExample 2:\nQ: chien\nA: dog\n"),
        ("system", "Now you."),
    ]
    tagged = "Translate.\n<examples>\nchat: cat\n</examples>\nNow you."
    assert [kind for kind, _ in split_blocks(tagged, kind="system")] == [
        "system",
        "few_shot",
        "system",
    ]


@given(st.lists(st.sampled_from(MARKS), max_size=40).map("".join))
def test_the_blocks_joined_are_the_text(text: str) -> None:
    blocks = split_blocks(text, kind="user")
    assert "".join(block for _, block in blocks) == text
    assert all(block for _, block in blocks) or text == ""


@pytest.mark.parametrize(
    "text",
    [
        "<context>" * 40_000 + "</",
        "Example:\n" * 40_000,
        "Example:\nInput: x\n" * 40_000,
        " " * 400_000 + ":",
        "#" * 400_000 + ":",
        "Examples" + " " * 400_000 + "x:",
        "Context:\n" * 40_000,
    ],
    ids=["open tags", "labels", "inputs", "blanks", "rules", "blanks after a label", "contexts"],
)
def test_megabytes_of_marks_that_end_nowhere_stay_whole(text: str) -> None:
    assert "".join(block for _, block in split_blocks(text, kind="user")) == text
