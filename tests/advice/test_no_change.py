"""Predictions that prove little, and why."""

from __future__ import annotations

import numpy as np
import pytest

from latprobe.advice.context import Context
from latprobe.advice.marking import marked
from latprobe.advice.no_change import allows_no_change, phases
from latprobe.advice.saving import predicted
from latprobe.advice.suggestion import Suggestion
from latprobe.analysis.whatif import Scale
from tests.advice.pipelines import Recording


def followed(*, slow: range) -> tuple[bool, str | None]:
    """Whether the range predicted for an llm of 0.8 of its time holds no change, and the note;
    requests in `slow` read twice as long."""
    recording = Recording(seed=2)
    for number in range(120):
        with recording.request() as step:
            step.stage("ocr", 2_400 if number in slow else 1_200)
            step.stage("llm", 1_100)
    context = Context(recording.query())
    saving = predicted(context, Scale("llm", 0.8))
    assert not isinstance(saving, str)
    one = Suggestion(
        rule="r", subject="llm", title="t", evidence=(), how="", verify="", effort="low",
        saving=saving, changes=(Scale("llm", 0.8),),
    )  # fmt: skip
    (mark,) = marked(context, [one], applied_ns=1)
    return allows_no_change(mark), mark.note


def test_a_slow_phase_makes_a_range_wide_and_the_mark_says_so() -> None:
    is_wide, note = followed(slow=range(50, 80))
    assert is_wide
    assert note is not None
    assert note.startswith("The requests came in slow and fast phases, so that these 120 tell as ")
    assert followed(slow=range(0)) == (False, None)


@pytest.mark.parametrize("spread", [0.1, 0.5])
def test_requests_that_know_nothing_of_one_another_have_no_phases(spread: float) -> None:
    rng = np.random.default_rng(4)
    assert phases(rng.lognormal(7, spread, 400)) is None
    assert phases(np.full(50, 7.0)) is None
