"""When spans could have started."""

from __future__ import annotations

from latprobe.analysis.queueing.arrivals import arrival_ns
from latprobe.analysis.tree import build_tree
from tests.analysis.seeding import EPOCH_NS, MS, Seed, seed, spans_of


def arrivals_ms(seeds: list[Seed]) -> dict[str, float]:
    """Each span's arrival in ms after EPOCH_NS, by name."""
    spans = spans_of(seeds)
    found = arrival_ns(spans, build_tree(spans))
    names = [spans.names[code] for code in spans.name.tolist()]
    return dict(zip(names, ((found - EPOCH_NS) / MS).tolist(), strict=True))


def test_a_span_waits_for_the_sibling_that_ended_last_before_it() -> None:
    assert arrivals_ms(
        [
            seed(1, None, "root", 0, 100),
            seed(2, 1, "first", 5, 20),
            seed(3, 1, "slow", 6, 60),
            seed(4, 1, "second", 30, 50),
            seed(5, 1, "last", 70, 90),
            seed(6, 5, "inner", 75, 80),
        ]
    ) == {"root": 0, "first": 0, "slow": 0, "second": 20, "last": 60, "inner": 70}


def test_an_end_at_the_very_start_counts_and_one_of_another_parent_does_not() -> None:
    assert arrivals_ms(
        [
            seed(1, None, "root", 0, 100),
            seed(2, 1, "a", 0, 40),
            seed(3, 1, "b", 40, 90),
            seed(4, 3, "inside b", 60, 70),
            seed(5, 2, "inside a", 10, 55),
        ]
    ) == {"root": 0, "a": 0, "b": 40, "inside b": 40, "inside a": 0}


def test_a_span_that_begins_before_its_parent_arrives_as_it_starts() -> None:
    assert arrivals_ms([seed(1, None, "root", 10, 20), seed(2, 1, "early", 5, 15)]) == {
        "root": 10,
        "early": 5,
    }
