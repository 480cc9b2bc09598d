"""What a random delay did to the requests."""

from __future__ import annotations

import numpy as np
import pytest

from latprobe.analysis.delay_effect import (
    DelayEffect,
    Trial,
    delay_effect,
    delay_effects,
)
from latprobe.analysis.delay_prediction import predict_delay, share_on_path
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.spans import Ints
from latprobe.analysis.whatif import Prediction
from tests.analysis.load.recorded_load import MS, add_spans
from tests.analysis.seeding import EPOCH_NS, MemoryStore


def trial(seed: int, *, reaches: float, count: int = 1_000, share: float = 0.2) -> Trial:
    """Requests under load that comes and goes; `reaches` of a delay of 20 ms is in the request."""
    rng = np.random.default_rng(seed)
    load = np.repeat(rng.normal(0, 10, count // 50 + 1), 50)[:count]
    duration = 100 + load + rng.gamma(4, 3, count)
    delay = np.where(rng.random(count) < share, 20.0, 0.0)
    return Trial(duration + reaches * delay, delay)


def effect(found: DelayEffect | Refusal) -> DelayEffect:
    """It, where it was told."""
    assert isinstance(found, DelayEffect)
    return found


def test_all_of_the_delay_is_measured_where_all_of_it_counts() -> None:
    found = effect(delay_effect("rerank", trial(0, reaches=1.0)))
    assert found.delay_ms == 20
    assert found.p50.criticality.value == pytest.approx(1, abs=0.15)
    assert not isinstance(found.p95, Refusal)
    assert found.p95.effect_ms.value == pytest.approx(20, abs=5)
    assert found.p_value < 0.01


def test_intervals_cover_under_changing_load() -> None:
    for reaches in (0.0, 0.5):
        inside = 0
        for seed in range(12):
            found = effect(delay_effect("rerank", trial(seed, reaches=reaches, count=600)))
            interval = found.p50.criticality.interval
            assert interval is not None
            inside += interval.low <= reaches <= interval.high
        assert inside >= 10


def test_too_few_on_one_side_are_refused() -> None:
    few = delay_effect("rerank", trial(0, reaches=1.0, count=100, share=0.1))
    assert isinstance(few, Refusal)
    assert "record until there are 30 of each" in few.reason
    some = effect(delay_effect("rerank", trial(0, reaches=1.0, count=400, share=0.2)))
    assert isinstance(some.p95, Refusal)


def pipeline(*, is_parallel: bool) -> MemoryStore:
    """400 requests of `a` (10 ms) and `b` (40 ms), after or beside each other; `a` is delayed by
    20 ms in about a quarter."""
    rng = np.random.default_rng(7)
    store = MemoryStore()
    store.add_run()
    ids = np.arange(1, 401)
    start = EPOCH_NS + ids * 200 * MS
    delayed = rng.random(400) < 0.25
    a_end = start + 10 * MS + delayed * 20 * MS + rng.integers(0, MS, 400)
    b_start = start + 1_000 if is_parallel else a_end
    b_end = b_start + 40 * MS + rng.integers(0, MS, 400)
    told = [{"latprobe.delay_ms": 20.0 * bool(each)} for each in delayed]
    add_spans(store, ids, ids * 4, None, "request", start, np.maximum(a_end, b_end))
    add_spans(store, ids, ids * 4 + 1, ids * 4, "a", start, a_end, attributes=told)
    add_spans(store, ids, ids * 4 + 2, ids * 4, "b", b_start, b_end)
    return store


def test_measured_and_replayed_agree_where_stages_follow_each_other() -> None:
    store = pipeline(is_parallel=False)
    (found,) = delay_effects(store)
    assert (found.stage, found.request) == ("a", "request")
    measured = effect(found.found)
    assert measured.p50.effect_ms.value == pytest.approx(20, abs=0.5)
    assert share_on_path(store, "a", "request") == 1.0
    predicted = predict_delay(store, measured)
    assert isinstance(predicted, Prediction)
    assert predicted.p50.after_ms is not None
    assert predicted.p50.before_ms is not None
    # The delayed quarter is scaled with the rest, which leaves the median where it belongs.
    assert predicted.p50.after_ms - predicted.p50.before_ms == pytest.approx(20, abs=2)


def test_a_stage_beside_a_longer_one_has_no_effect_and_is_not_on_the_path() -> None:
    store = pipeline(is_parallel=True)
    (found,) = delay_effects(store)
    measured = effect(found.found)
    assert measured.p50.criticality.value == pytest.approx(0, abs=0.03)
    assert share_on_path(store, "a", "request") == 0.0


def test_requests_of_other_names_are_kept_apart() -> None:
    store = pipeline(is_parallel=False)
    rows: Ints = np.arange(1_001, 1_101)
    start = EPOCH_NS + rows * 200 * MS
    add_spans(store, rows, rows * 4, None, "other", start, start + 5 * MS)
    told = [{"latprobe.delay_ms": 0.0}] * 100
    add_spans(store, rows, rows * 4 + 1, rows * 4, "a", start, start + MS, attributes=told)
    other, request = delay_effects(store)
    assert (other.request, request.request) == ("other", "request")
    assert isinstance(other.found, Refusal)
    measured = effect(request.found)
    assert measured.others + measured.delayed == 400
    assert isinstance(predict_delay(store, measured), Refusal)


def test_nothing_delayed_is_nothing() -> None:
    store = MemoryStore()
    store.add_run()
    assert delay_effects(store) == ()
    assert share_on_path(store, "a", "request") is None
