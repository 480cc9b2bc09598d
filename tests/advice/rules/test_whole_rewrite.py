from __future__ import annotations

import pytest

from latprobe.advice.rules import output_echo, whole_rewrite
from tests.advice.answers import MS_A_TOKEN, Prompt, one, prose, recorded, suggestions
from tests.advice.pipelines import Recording


class Editing:
    """A file in the prompt, and the file with two lines changed as the answer."""

    def __init__(self) -> None:
        self.file = ""

    def prompt(self, r: Recording, _: int) -> Prompt:
        lines = [f"{prose(r, 7)[:-1]} = {at}" for at in range(r.random.randint(15, 45))]
        self.file = "\n".join(lines)
        return [
            ("system", "You change files as you are told."),
            ("user", f"Change two lines of this file:\n\n{self.file}"),
        ]

    def answer(self, r: Recording, _: int) -> str:
        lines = self.file.split("\n")
        for at in r.random.sample(range(len(lines)), 2):
            lines[at] = prose(r, 6)[:-1]
        return "```\n" + "\n".join(lines) + "\n```"


def test_a_file_given_back_with_two_changes_is_asked_for_as_edits() -> None:
    editing = Editing()
    recording = recorded(editing.answer, prompt=editing.prompt)
    found = one(whole_rewrite, recording)
    saving = found.saving
    assert found.verdict == "do"
    assert saving is not None
    assert saving.output_tokens is not None
    assert saving.p50_ms is not None
    # The file is in the prompt and in the answer, so that what each costs cannot be told apart:
    # the time is a bound, which the truth (so many ms a token) is just below.
    assert saving.basis == "bound"
    assert saving.p50_ms.value == pytest.approx(MS_A_TOKEN * saving.output_tokens, rel=0.2)
    assert found.sample is not None
    assert found.sample.after.count("<<<<") <= 2
    assert found.sample.after_tokens is not None
    assert found.sample.before_tokens is not None
    assert found.sample.after_tokens < 0.4 * found.sample.before_tokens
    # What it repeats is one finding, not two.
    assert suggestions(output_echo, recording) == []


def test_a_new_text_about_a_file_is_fine() -> None:
    editing = Editing()
    review = recorded(lambda r, _: prose(r, 90), prompt=editing.prompt)
    assert suggestions(whole_rewrite, review) == []


def test_a_few_calls_are_not_enough() -> None:
    editing = Editing()
    few = recorded(editing.answer, prompt=editing.prompt, requests=8)
    assert one(whole_rewrite, few).verdict == "not enough data"
