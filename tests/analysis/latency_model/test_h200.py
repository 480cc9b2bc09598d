from __future__ import annotations

import numpy as np
import pytest

from latprobe.analysis.latency_model import LatencyModel, fit_latency
from tests.analysis.latency_model.h200_calls import FEWEST, h200_calls, held_out


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
