"""Planted attributes that are no plain number or category, and what is told of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from latprobe.analysis.cohorts import Finding, slow_against_fast
from latprobe.analysis.cohorts.attributes import Attribute, category, number
from latprobe.analysis.cohorts.slow_against_fast import compare_slow
from tests.analysis.cohorts.random_requests import noise
from tests.analysis.seeding import MemoryStore, seed

COUNT = 600


def the_finding(attribute: Attribute | None, is_planted: NDArray[np.bool_]) -> Finding:
    """The one finding where the planted requests take 1.4 times as long."""
    assert attribute is not None
    latency = 1e8 * np.exp(0.25 * noise(np.random.default_rng(1), COUNT))
    latency = np.where(is_planted, 1.4 * latency, latency)
    (found,) = compare_slow(latency.astype(np.int64), [attribute]).findings
    return found


def test_one_of_a_few_numbers_is_told_as_a_level() -> None:
    worker = np.random.default_rng(2).integers(0, 5, COUNT)
    found = the_finding(number("worker", worker), worker == 2)
    assert (found.kind, found.level) == ("category", "2")
    assert (found.latency_ratio or 0) == pytest.approx(1.4, abs=0.15)


def test_a_range_in_the_middle_of_a_number_is_told_as_that_range() -> None:
    values = np.random.default_rng(3).permutation(COUNT)
    found = the_finding(number("offset", values), (values >= 240) & (values < 360))
    assert (found.kind, found.level) == ("category", "239.6 to 359.4")


def test_a_number_is_told_as_one_where_more_of_it_takes_longer() -> None:
    values = np.random.default_rng(4).permutation(COUNT)
    found = the_finding(number("size", values), values >= 480)
    assert (found.kind, found.level) == ("number", None)
    assert (found.rank_biserial or 0) > 0.3


def test_that_a_value_is_set_or_missing_is_told() -> None:
    rng = np.random.default_rng(5)
    planted = rng.random(COUNT) < 0.2
    retry = number("retry", np.where(planted, 1.0, np.nan))
    assert the_finding(retry, planted).level == "1"
    size = number("size", np.where(planted, np.nan, rng.normal(size=COUNT)))
    assert the_finding(size, planted).level == "(not set)"
    region = category(
        "region", [None if slow else "eu us"[3 * (at % 2) :][:2] for at, slow in enumerate(planted)]
    )
    assert the_finding(region, planted).level == "(not set)"


def test_one_frequent_name_among_ids_is_told() -> None:
    planted = np.random.default_rng(6).random(COUNT) < 0.2
    users = ["anonymous" if slow else f"user-{at}" for at, slow in enumerate(planted)]
    assert the_finding(category("user", users), planted).level == "anonymous"
    assert category("user", [f"user-{at}" for at in range(COUNT)]) is None


def test_slow_ones_are_those_beyond_a_time_that_most_requests_take() -> None:
    cold = np.arange(COUNT) % 30 == 7
    latency = np.where(cold, 130, 100) * 1_000_000
    attribute = category("cold", ["yes" if each else "no" for each in cold])
    assert attribute is not None
    result = compare_slow(latency, [attribute])
    assert (result.slow, result.threshold_ms) == (20, 130.0)
    assert [each.level for each in result.findings] == ["yes"]


def test_any_name_of_an_attribute_is_possible() -> None:
    keys = ["", "a\x1fb", "back\\slash", 'quo"ted', "*", "$.x", "a.b[0]", "é"]
    store = MemoryStore()
    store.add_run()
    store.add_spans(
        seed(1, None, "request", 100 * at, 100 * at + 10 + at % 7, trace=at + 1,
             attributes=json.dumps(dict.fromkeys(keys, at % 3)))
        for at in range(120)
    )  # fmt: skip
    tried = slow_against_fast(store).tried
    assert {"request: $.x", "request: é"} & set(tried)
    assert not {f"request: {key}" for key in keys[:5]} & set(tried)
