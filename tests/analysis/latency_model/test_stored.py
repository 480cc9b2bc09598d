from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from latprobe.analysis.latency_model import LatencyModel, TokenEffect, latency_models, token_effect
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.scope import EVERYTHING, Scope
from tests.analysis.seeded_calls import CallStore, template_uuid
from tests.analysis.seeding import EPOCH_NS, seed, trace_hex

OUTPUT_MS = 10


def _add_calls(store: CallStore, count: int, *, first: int, seed: int = 1, **usage: Any) -> None:
    """Calls of 100 ms + 10 ms an output token; their spans carry ttft and a server's address."""
    rng = np.random.default_rng(seed)
    attributes = json.dumps({"server.address": usage.pop("replica", "gpu-1")})
    for trace in range(first, first + count):
        read, made = int(rng.integers(100, 5000)), int(rng.integers(20, 400))
        store.add_call(
            trace,
            input_tokens=read,
            output_tokens=made,
            attributes=attributes,
            **{"model": "m", **usage},
        )
        took = (100 + OUTPUT_MS * made) * float(np.exp(0.03 * rng.standard_normal()))
        store.connection.execute(
            "UPDATE spans SET duration_ns = ?, ttft_ns = ? WHERE trace_id = ?",
            [int(took * 1e6), int(95e6 + rng.integers(0, 10_000_000)), trace_hex(trace)],
        )


@pytest.fixture
def store() -> CallStore:
    store = CallStore()
    store.add_template(1, "answer")
    return store


def test_a_model_for_each_model_template_and_replica(store: CallStore) -> None:
    _add_calls(store, 70, first=1, template_id=template_uuid(1))
    _add_calls(store, 60, first=100, template_id=template_uuid(1), replica="gpu-2", seed=2)
    _add_calls(store, 10, first=200, model="other", seed=3)
    found = latency_models(store, EVERYTHING)
    assert [
        (one.model, one.template_name, one.replica, one.stages, one.calls) for one in found
    ] == [
        ("m", "answer", "gpu-1", ("llm",), 70),
        ("m", "answer", "gpu-2", ("llm",), 60),
        ("other", None, "gpu-1", ("llm",), 10),
    ]
    assert [isinstance(one.found, LatencyModel) for one in found] == [True, True, False]


def test_an_empty_store_has_no_models(store: CallStore) -> None:
    assert latency_models(store, EVERYTHING) == []


def test_half_the_output_saves_what_it_took(store: CallStore) -> None:
    _add_calls(store, 120, first=1)
    effect = token_effect(store, EVERYTHING, "llm", output_factor=0.5)
    assert isinstance(effect, TokenEffect)
    rows = store("SELECT trace_id::VARCHAR AS id, output_tokens AS made FROM usage")
    made = dict(zip(rows["id"].to_pylist(), rows["made"].to_pylist(), strict=True))
    truth = np.array([OUTPUT_MS * 1e6 * made[trace] / 2 for trace in effect.trace_id])
    assert abs(effect.saved_ns.sum() / truth.sum() - 1) < 0.02
    drawn = [effect.saved_draw(draw).sum() / truth.sum() for draw in range(effect.draws)]
    assert np.quantile(drawn, 0.025) < 1 < np.quantile(drawn, 0.975)


def test_a_cut_of_the_input_saves_nothing_where_it_does_not_matter(store: CallStore) -> None:
    _add_calls(store, 120, first=1)
    effect = token_effect(store, EVERYTHING, "llm", input_factor=0.5)
    assert isinstance(effect, TokenEffect)
    assert effect.saved_ns.max() < 5e6
    assert "The length of the input does not matter here." in effect.notes


def test_a_stage_around_the_calls_stands_for_them(store: CallStore) -> None:
    for trace in range(1, 81):
        start = trace * 1000
        store.add_spans([seed(9, None, "answer", start, start + 900, trace)])
    _add_calls(store, 80, first=1, parent=9)
    effect = token_effect(store, EVERYTHING, "answer", output_factor=0.5)
    assert isinstance(effect, TokenEffect)
    assert set(effect.span_id.tolist()) == {1}
    assert (effect.saved_ns > 0).all()


def test_few_calls_of_a_template_are_answered_by_its_model(store: CallStore) -> None:
    for number in range(4):
        template = template_uuid(number + 1)
        _add_calls(store, 30, first=1 + 100 * number, seed=number, template_id=template)
    assert all(isinstance(one.found, Refusal) for one in latency_models(store, EVERYTHING))
    effect = token_effect(store, EVERYTHING, "llm", output_factor=0.5)
    assert isinstance(effect, TokenEffect)
    assert (effect.saved_ns > 0).all()


def test_too_few_calls_are_refused(store: CallStore) -> None:
    _add_calls(store, 20, first=1)
    effect = token_effect(store, EVERYTHING, "llm", output_factor=0.5)
    assert isinstance(effect, Refusal)
    assert effect.reason.startswith("Only 20 calls")


def test_a_stage_without_calls_is_refused(store: CallStore) -> None:
    _add_calls(store, 60, first=1)
    effect = token_effect(store, EVERYTHING, "image.decode", output_factor=0.5)
    assert effect == Refusal(
        "No model call with token counts was recorded in the stage 'image.decode'; "
        "`latprobe latency` lists the calls that were."
    )


def test_failed_calls_teach_nothing_and_save_nothing(store: CallStore) -> None:
    _add_calls(store, 80, first=1)
    store.connection.execute("UPDATE spans SET status = 'error' WHERE trace_id = ?", [trace_hex(1)])
    effect = token_effect(store, EVERYTHING, "llm", output_factor=0.5)
    assert isinstance(effect, TokenEffect)
    assert effect.saved_ns[0] == 0
    assert (effect.saved_ns[1:] > 0).all()


def test_the_scope_chooses_the_calls(store: CallStore) -> None:
    _add_calls(store, 120, first=1)
    scope = Scope(to_ns=EPOCH_NS + 61 * 1_000_000_000)
    effect = token_effect(store, scope, "llm", output_factor=0.5)
    assert isinstance(effect, TokenEffect)
    assert len(effect.span_id) == 60
