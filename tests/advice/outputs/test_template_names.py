"""Prompts of one stage by names of their own: suggestions are told apart by them."""

from __future__ import annotations

from latprobe.advice.context import Context
from tests.advice.pipelines import Recording

SYSTEMS = ("You sort parcels by hall. " * 30, "You write letters to tenants. " * 30)


def test_two_families_of_prompts_in_one_stage_have_different_subjects() -> None:
    found = Recording(seed=2)
    for number in range(40):
        with found.request("answer") as step:
            which = number % 4
            step.call(
                "llm",
                300,
                template=f"prompt {which}",
                output=f"It is {number}.",
                prompt=[("system", SYSTEMS[which // 2]), ("user", f"Say {number}.")],
            )
    templates = Context(found.query()).templates
    assert [each.calls for each in templates] == [20, 20]
    first, second = (each.subject for each in templates)
    assert first == "llm"
    assert second.startswith("llm (prompt ")
