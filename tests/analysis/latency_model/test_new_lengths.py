from __future__ import annotations

import numpy as np

from latprobe.analysis.latency_model import call_columns
from latprobe.analysis.latency_model.new_lengths import new_lengths


def _lengths(context: list[float], output: list[float], process: list[int]) -> list[float]:
    calls = call_columns(
        duration_ns=np.ones(len(context)),
        input_tokens=np.array(context),
        output_tokens=np.array(output),
        process=np.array(process),
    )
    found: list[float] = new_lengths(calls).tolist()
    return found


def test_a_position_is_new_once_in_a_process() -> None:
    # 101..104, then the same, then 103..109 of which 105..109 are new.
    assert _lengths([100, 100, 102], [5, 5, 8], [1, 1, 1]) == [4, 0, 5]


def test_another_process_starts_again() -> None:
    assert _lengths([100, 100], [5, 5], [1, 2]) == [4, 4]


def test_unknown_and_empty_answers_reach_nothing() -> None:
    assert _lengths([100, 100], [float("nan"), 0], [1, 1]) == [0, 0]
