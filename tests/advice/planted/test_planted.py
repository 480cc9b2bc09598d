"""A part of the planted problems and healthy pipelines; `tests/benchmarks/advice.py` has all."""

from __future__ import annotations

import pytest

from latprobe.advice.advisor import advise
from latprobe.advice.rule import all_rules
from tests.advice.planted.costly import COSTLY, Costly
from tests.advice.planted.healthy import HEALTHY, Build
from tests.advice.planted.problems import PLANTED, Planted

# One of each kind: output, input, cache, structure, serving, a card.
QUICK = (
    "pretty JSON", "passages three times", "the same questions", "searches in turn", "one worker",
    "tiny kernels",
)  # fmt: skip
QUICK_COSTLY = ("a cached passage twice",)
QUICK_HEALTHY = ("rag_compact", "agent", "speech", "two_servers")


@pytest.mark.parametrize(
    "planted", [each for each in PLANTED if each.name in QUICK], ids=lambda each: each.name
)
def test_a_planted_problem_is_found_and_ranked_first(planted: Planted) -> None:
    found = advise(planted.store(7)).ranked
    assert found, planted.build.__doc__
    first = found[0].suggestion
    assert first.rule in planted.rules
    assert planted.subject in first.subject


@pytest.mark.parametrize(
    "build",
    [each for each in HEALTHY if each.__name__ in QUICK_HEALTHY],
    ids=lambda each: each.__name__,
)
def test_nothing_is_suggested_on_a_healthy_pipeline(build: Build) -> None:
    assert [each.suggestion.title for each in advise(build(11).query()).ranked] == []


@pytest.mark.parametrize(
    "costly", [each for each in COSTLY if each.name in QUICK_COSTLY], ids=lambda each: each.name
)
def test_a_change_that_would_cost_is_advised_against(costly: Costly) -> None:
    found = advise(costly.store(7))
    assert [each.rule for each in found.dont] == [costly.rule]
    assert [each.suggestion.title for each in found.ranked] == []


def test_there_is_a_planted_problem_for_each_rule_and_enough_healthy_pipelines() -> None:
    assert {rule for each in PLANTED for rule in each.rules} == {r.NAME for r in all_rules()}
    assert len(HEALTHY) >= 20
    assert set(QUICK) <= {each.name for each in PLANTED}
    assert set(QUICK_COSTLY) <= {each.name for each in COSTLY}
    assert set(QUICK_HEALTHY) <= {each.__name__ for each in HEALTHY}
