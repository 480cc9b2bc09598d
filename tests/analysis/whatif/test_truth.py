"""Predictions held against pipelines that were really changed and run again."""

from __future__ import annotations

import numpy as np
import pytest

from latprobe.analysis.whatif import Prediction, predict
from tests.analysis.whatif.cases import ALONE, TOGETHER, Case

# The truth is the median over re-runs with the change, an interval is held against one of them.
RERUNS = 3


def _judged(case: Case, number: int) -> tuple[list[float], list[bool]]:
    """The relative errors of p50 and p95, and whether the intervals hold single re-runs."""
    found = predict(case.run(100 + number, {}).store(), case.changes)
    assert found.refused is None, found.refused
    runs = [case.run(1000 * (number + 1) + k, case.times).durations_ms() for k in range(RERUNS)]
    errors, covers = [], []
    for q, figure in ((0.5, found.p50), (0.95, found.p95)):
        assert figure.after_ms is not None
        assert figure.ci95_ms is not None
        each = [float(np.quantile(run, q)) for run in runs]
        errors.append(abs(figure.after_ms / float(np.median(each)) - 1))
        covers.append(figure.ci95_ms.low <= each[0] <= figure.ci95_ms.high)
    return errors, covers


def test_over_40_cases_come_out_as_predicted() -> None:
    judged = {case.name: _judged(case, number) for number, case in enumerate([*ALONE, *TOGETHER])}
    assert len(judged) >= 40
    covers = [each for _, both in judged.values() for each in both]
    assert np.mean(covers) >= 0.9
    p50_off = {name: errors[0] for name, (errors, _) in judged.items() if errors[0] > 0.05}
    p95_off = {name: errors[1] for name, (errors, _) in judged.items() if errors[1] > 0.05}
    assert p50_off == {}
    assert len(p95_off) <= len(judged) // 10, p95_off
    assert max(errors[1] for errors, _ in judged.values()) < 0.15


@pytest.mark.parametrize("case", [ALONE[0], ALONE[12], TOGETHER[0]], ids=lambda case: case.name)
def test_the_same_recording_gives_the_same_prediction(case: Case) -> None:
    store = case.run(3, {}).store()
    first: Prediction = predict(store, case.changes)
    assert first == predict(store, case.changes)
