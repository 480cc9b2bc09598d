"""What separates slow requests from the rest, over whole stores."""

from __future__ import annotations

import json

import numpy as np
import pytest

from latprobe.analysis.cohorts import SlowFast, slow_against_fast
from latprobe.analysis.cohorts.attributes import category, number
from latprobe.analysis.cohorts.slow_against_fast import compare_slow
from latprobe.analysis.scope import Scope
from latprobe.errors import NoDataError
from tests.analysis.cohorts.random_requests import noise, request_store
from tests.analysis.seeding import MemoryStore


def names(found: SlowFast) -> list[str]:
    return [each.attribute for each in found.findings]


def test_a_planted_factor_is_found_with_its_size() -> None:
    found = slow_against_fast(request_store(np.random.default_rng(1), 600, factor=1.3))
    (finding,) = found.findings
    assert (finding.attribute, finding.level) == ("request: shard", "b")
    assert finding.ratio_ci95 is not None
    assert finding.ratio_ci95.low < 1.3 < finding.ratio_ci95.high
    assert (finding.slow_rate or 0) > 3 * (finding.other_rate or 0)
    assert finding.q_value < 0.02


def test_it_is_silent_on_noise_also_on_noise_that_wanders() -> None:
    said = [
        names(slow_against_fast(request_store(np.random.default_rng(s), 300, memory=memory)))
        for s in range(4)
        for memory in (0.0, 0.9)
    ]
    assert sum(map(bool, said)) <= 1


def test_everything_that_is_known_of_a_request_is_tried() -> None:
    found = slow_against_fast(request_store(np.random.default_rng(2), 300))
    assert {
        "host", "run", "model", "input tokens", "output tokens", "requests arriving per second",
        "request: shard", "request: user.tier", "image: bytes", "image: batch",
    } <= set(found.tried) | {"run"}  # fmt: skip
    assert "request: id" not in found.tried
    assert found.slow == 15


def test_runs_of_one_stage_are_compared_by_themselves() -> None:
    store = request_store(np.random.default_rng(3), 500)
    store.connection.execute(
        "UPDATE spans SET duration_ns = duration_ns * 3 / 2 WHERE name = 'image' "
        "AND (attributes ->> 'batch')::INT >= 6"
    )
    found = slow_against_fast(store, stage="image")
    assert names(found)[0] == "batch"
    assert (found.findings[0].rank_biserial or 0) > 0.5
    assert names(slow_against_fast(store)) == []


def test_two_attributes_that_tell_the_same_story_are_told_as_one() -> None:
    rng = np.random.default_rng(4)
    pages = rng.integers(1, 20, 400)
    latency = (1e7 * pages * np.exp(0.2 * noise(rng, 400))).astype(np.int64)
    attributes = [number("pages", pages), number("bytes", pages * 1000.0 + rng.normal(size=400))]
    found = compare_slow(latency, [each for each in attributes if each is not None])
    assert sorted((each.goes_with is None) for each in found.findings) == [False, True]


def test_a_cold_start_that_only_the_tail_shows_is_found() -> None:
    rng = np.random.default_rng(5)
    cold = rng.random(1000) < 0.03
    latency = (1e8 * np.exp(0.2 * noise(rng, 1000)) * np.where(cold, 4, 1)).astype(np.int64)
    attribute = category("cold start", ["yes" if each else "no" for each in cold])
    assert attribute is not None
    (finding,) = compare_slow(latency, [attribute]).findings
    assert (finding.level, finding.rest_share) == ("yes", 0.0)


def test_more_arrivals_with_less_latency_are_no_finding() -> None:
    rng = np.random.default_rng(6)
    latency = (1e8 * np.exp(0.25 * noise(rng, 400, memory=0.9))).astype(np.int64)
    store = request_store(rng, 400)
    starts = 1_700_000_000_000_000_000 + np.cumsum(latency)  # one client that waits
    for at, (start, duration) in enumerate(zip(starts.tolist(), latency.tolist(), strict=True)):
        store.connection.execute(
            f"UPDATE spans SET start_ns = {start}, duration_ns = {duration} "
            f"WHERE trace_id = format('{{:032x}}', {at + 1})::UUID"
        )
    assert "requests arriving per second" not in names(slow_against_fast(store))


def test_few_requests_and_equal_ones_are_refused() -> None:
    few = slow_against_fast(request_store(np.random.default_rng(1), 99))
    assert few.refused == (
        "Only 99 requests are recorded here; slow against fast needs 100: record more, or widen "
        "the window."
    )
    equal = compare_slow(np.full(200, 5), [])
    assert equal.refused is not None
    assert "equally long" in equal.refused


def test_nothing_recorded_and_a_misspelt_stage_are_errors() -> None:
    with pytest.raises(NoDataError, match="Nothing is recorded yet"):
        slow_against_fast(MemoryStore())
    store = request_store(np.random.default_rng(1), 20)
    with pytest.raises(NoDataError, match="Did you mean 'image'"):
        slow_against_fast(store, Scope(stage="imagge"))


def test_the_same_store_gives_the_same_answer_and_json() -> None:
    store = request_store(np.random.default_rng(7), 300, factor=1.4)
    first, second = (slow_against_fast(store).to_json() for _ in range(2))
    assert first == second
    assert json.loads(json.dumps(first, allow_nan=False))["findings"][0]["level"] == "b"


def test_equal_medians_are_told_by_the_shares_that_differ() -> None:
    """Most requests have one page; of the slow ones more have two and more."""
    rng = np.random.default_rng(5)
    pages = np.where(rng.random(600) < 0.06, 2.0, 1.0) + (rng.random(600) < 0.02)
    latency = np.asarray(1e9 * np.exp(0.1 * rng.standard_normal(600)), np.int64)
    latency = np.where(pages > 1, latency * 11 // 10, latency)
    given = number("pages", pages)
    assert given is not None
    (finding,) = compare_slow(latency, [given]).findings
    assert (finding.slow_median, finding.rest_median) == (1, 1)
    assert (finding.name, finding.is_share, finding.among) == ("pages >= 2", True, "slow")
    told = finding.to_json()
    assert told["slow_share"] > told["rest_share"] + 0.1


def test_what_only_all_requests_show_is_told_of_their_halves() -> None:
    """A small factor on a third of them, and a tail that has nothing to do with it."""
    rng = np.random.default_rng(6)
    pages = np.where(rng.random(400) < 0.33, 2.0, 1.0) + (rng.random(400) < 0.03)
    times = np.exp(0.08 * rng.standard_normal(400)) * np.where(pages > 1, 1.12, 1.0)
    tail = [*np.flatnonzero(pages == 1)[:160:10], *np.flatnonzero(pages > 1)[:80:10]]
    times[tail] = 5 + rng.random(24)
    given = number("pages", pages)
    assert given is not None
    found = compare_slow(np.asarray(times * 1e9, np.int64), [given])
    (finding,) = found.findings
    assert (finding.among, finding.name) == ("halves", "pages >= 2 *")
    assert finding.slow_share is not None
    assert finding.rest_share is not None
    assert finding.slow_share > finding.rest_share + 0.2
    assert any(note.startswith("* Shares of the slower half") for note in found.notes)


def test_medians_that_differ_are_shown_as_they_are() -> None:
    rng = np.random.default_rng(7)
    tokens = rng.uniform(100, 2000, 400)
    given = number("tokens", tokens)
    assert given is not None
    latency = np.asarray(1e6 * tokens * np.exp(0.1 * rng.standard_normal(400)), np.int64)
    (finding,) = compare_slow(latency, [given]).findings
    assert (finding.name, finding.is_share, finding.at_least) == ("tokens", False, None)
