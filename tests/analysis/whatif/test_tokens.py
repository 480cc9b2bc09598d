"""Token changes from the recorded calls to the requests, held against runs with other tokens."""

from __future__ import annotations

import numpy as np
import pytest

from latprobe.analysis.whatif import Scale, Tokens, predict
from tests.analysis.whatif.token_pipeline import Law, run

RECORDINGS = 3
RERUNS = 40

LAWS = (Law(), Law(constant_ms=20, input_ms=0.08, output_ms=1.0), Law(noise=0.2))


def _judged(law: Law, given: float, made: float, first: int) -> tuple[list[float], list[bool]]:
    """Errors against 20,000 requests, and whether intervals hold re-runs of as many."""
    truth = run(999, law=law, requests=20_000, input_factor=given, output_factor=made).took_ms
    reruns = [
        run(500 + k, law=law, input_factor=given, output_factor=made).took_ms for k in range(RERUNS)
    ]
    errors, covers = [], []
    for number in range(RECORDINGS):
        found = predict(run(first + number, law=law).store(), [Tokens("llm", given, made)])
        assert found.refused is None, found.refused
        assert found.basis == "latency_model"
        for q, figure in ((0.5, found.p50), (0.95, found.p95)):
            assert figure.after_ms is not None
            assert figure.ci95_ms is not None
            errors.append(abs(figure.after_ms / float(np.quantile(truth, q)) - 1))
            low, high = figure.ci95_ms.low, figure.ci95_ms.high
            covers += [low <= float(np.quantile(each, q)) <= high for each in reruns]
    return errors, covers


def test_fewer_tokens_come_out_as_predicted() -> None:
    asked = [(LAWS[0], 1.0, 0.5), (LAWS[1], 0.5, 1.0), (LAWS[1], 0.5, 0.5), (LAWS[2], 1.0, 0.7)]
    judged = [_judged(*each, 20 * place) for place, each in enumerate(asked)]
    covers = [each for _, many in judged for each in many]
    assert np.mean(covers) >= 0.9
    errors = np.array([each for many, _ in judged for each in many])
    assert np.median(errors) < 0.03
    assert np.mean(errors <= 0.05) >= 0.85


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_input_that_costs_nothing_saves_nothing_and_that_is_the_answer(factor: float) -> None:
    store = run(3, law=Law(input_ms=0.0)).store()
    found = predict(store, [Tokens("llm", input_factor=factor)])
    if found.refused is None:
        assert found.p50.after_ms == pytest.approx(found.p50.before_ms, rel=0.01)
    else:
        assert "tokens" in found.refused


def test_tokens_and_another_change_go_together() -> None:
    store = run(3).store()
    alone = predict(store, [Tokens("llm", output_factor=0.5)])
    both = predict(store, [Tokens("llm", output_factor=0.5), Scale("search", 0.5)])
    assert alone.p50.after_ms is not None
    assert both.p50.after_ms == pytest.approx(alone.p50.after_ms - 40, rel=0.05)


def test_tokens_of_a_call_that_another_stage_follows_as_it_streams_are_not_predicted() -> None:
    store = run(3).store()
    store.connection.execute(
        """UPDATE spans SET start_ns = c.start_ns + (c.duration_ns * 0.4)::BIGINT
        FROM spans c WHERE c.trace_id = spans.trace_id AND c.name = 'llm' AND spans.name = 'rules'
        """
    )
    found = predict(store, [Tokens("llm", output_factor=0.5)])
    assert "'rules' begins with what 'llm' has made so far" in str(found.refused)
    assert predict(store, [Scale("llm", 0.5)]).refused is None
