"""A part of the planted problems and healthy pipelines; `tests/benchmarks/advice.py` has all."""

from __future__ import annotations

import pytest

from latprobe.advice.advisor import advise
from tests.advice.planted.healthy import HEALTHY, Build
from tests.advice.planted.problems import PLANTED, Planted

# One of each kind: output, input, cache, structure, serving.
QUICK = (
    "pretty JSON", "passages three times", "the same questions", "searches in turn", "one worker",
    "one slow server",
)  # fmt: skip
QUICK_HEALTHY = ("rag_compact", "agent", "speech", "two_servers")


@pytest.mark.parametrize(
    "planted", [each for each in PLANTED if each.name in QUICK], ids=lambda each: each.name
)
def test_a_planted_problem_is_found_and_ranked_first(planted: Planted) -> None:
    found = advise(planted.build(7).query()).ranked
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


def test_there_are_enough_of_both() -> None:
    assert len(PLANTED) >= 30
    assert len(HEALTHY) >= 20
    assert set(QUICK) <= {each.name for each in PLANTED}
    assert set(QUICK_HEALTHY) <= {each.__name__ for each in HEALTHY}
