from __future__ import annotations

import numpy as np
import pytest

from latprobe.analysis.intervals import Floats
from latprobe.analysis.latency_model import LatencyModel, fit_latency
from latprobe.analysis.latency_model.model import columns_of
from latprobe.analysis.latency_model.robust_line import fit_line, fitted_times
from tests.analysis.latency_model.h200_calls import (
    FEWEST,
    h200_calls,
    h200_pipeline_calls,
    held_out,
)


@pytest.mark.parametrize("is_streamed", [True, False])
def test_recorded_calls_are_predicted_from_the_others(is_streamed: bool) -> None:
    found = held_out(h200_calls(is_streamed=is_streamed), block=4)
    assert len(found.measured_ns) == 40
    assert np.median(found.relative_error) < 0.1
    assert found.coverage >= 0.9
    predicted, measured = (np.quantile(ns, 0.95) for ns in (found.predicted_ns, found.measured_ns))
    assert abs(predicted / measured - 1) < 0.05


def test_there_the_output_matters_the_input_does_not_and_new_lengths_do_most() -> None:
    model = fit_latency(h200_calls(), fewest=FEWEST)
    assert isinstance(model, LatencyModel)
    assert {slope.term: slope.finding for slope in model.slopes} == {
        "input": "does_not_matter",
        "output": "matters",
        "new_lengths": "matters",
    }
    values = {slope.term: slope.ns_per_token.value for slope in model.slopes if slope.ns_per_token}
    # Calls that reached known lengths alone took 9.1 ms a token.
    assert 8e6 < values["output"] < 10e6
    assert 35e6 < values["new_lengths"] < 43e6


def test_calls_of_every_length_and_time_lie_in_their_interval() -> None:
    calls = h200_calls()
    by_length = np.argsort(calls.output_tokens, kind="stable")
    inside = []
    for rows in (np.arange(10), np.arange(30, 40), by_length[1::4], by_length[2::4]):
        others = np.setdiff1d(np.arange(40), rows)
        model = fit_latency(calls.take(others), fewest=FEWEST)
        assert isinstance(model, LatencyModel)
        columns = {term: column[rows] for term, column in columns_of(calls).items()}
        said = sum((part.fitted(columns) for part in model.parts), np.zeros(10))
        for value, took in zip(said.tolist(), calls.duration_ns[rows].tolist(), strict=True):
            interval = model.call_interval(value)
            assert interval is not None
            inside.append(interval.low <= took <= interval.high)
    assert len(inside) == 40
    assert np.mean(inside) >= 0.9


def test_new_lengths_cost_time_in_a_recording_that_they_were_not_found_on() -> None:
    calls = h200_pipeline_calls()
    columns = columns_of(calls)
    plain = np.column_stack([columns["constant"], columns["output"]])
    wider = np.column_stack([plain, columns["new_lengths"]])
    real = np.quantile(calls.duration_ns, 0.95)
    off = [
        abs(np.quantile(_from_the_others(design, calls.duration_ns), 0.95) / real - 1)
        for design in (plain, wider)
    ]
    assert off[1] < 0.1 < 0.25 < off[0]


def _from_the_others(design: Floats, took: Floats) -> Floats:
    """Each block of four calls by a line through the others."""
    said = np.empty(len(took))
    for first in range(0, len(took), 4):
        rows = np.arange(first, min(first + 4, len(took)))
        others = np.setdiff1d(np.arange(len(took)), rows)
        line = fit_line(design[others], took[others]).line
        said[rows] = fitted_times(design[rows], line, took[others])
    return said
