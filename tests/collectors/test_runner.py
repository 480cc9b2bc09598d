"""Collectors at their own cadence, and one that fails."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from latprobe_collectors.contract import Sample
from latprobe_collectors.runner import CollectorRunner


@dataclass
class Ticker:
    name: str
    every_s: float

    def collect(self) -> Iterable[Sample]:
        return [Sample(0, self.name, "tick", 1.0)]


class Broken:
    name = "broken"
    every_s = 0.01

    def collect(self) -> Iterable[Sample]:
        raise OSError("unplugged")


def test_a_failing_collector_is_counted_said_once_and_stops_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    good = Ticker("good", 1.0)
    runner = CollectorRunner([Broken(), good], lambda samples: None)
    rounds = [runner.collect([Broken(), good]) for _ in range(3)]

    assert rounds == [[Sample(0, "good", "tick", 1.0)]] * 3
    assert (runner.failures["broken"], caplog.text.count("unplugged")) == (3, 1)


def test_each_collector_has_its_own_cadence() -> None:
    seen: Counter[str] = Counter()
    is_enough = threading.Event()

    def keep(samples: list[Sample]) -> None:
        seen.update(sample.source for sample in samples)
        if seen["slow"] >= 3:
            is_enough.set()

    runner = CollectorRunner([Ticker("fast", 0.01), Ticker("slow", 0.05)], keep)
    runner.start()
    was_enough = is_enough.wait(10)
    runner.stop()

    assert was_enough
    assert seen["fast"] > 2 * seen["slow"]


def test_nothing_is_collected_while_nothing_is_wanted() -> None:
    asked = threading.Event()
    kept: list[list[Sample]] = []

    def is_wanted() -> bool:
        asked.set()
        return False

    runner = CollectorRunner([Ticker("fast", 0.01)], kept.append, is_wanted=is_wanted)
    runner.start()
    was_asked = asked.wait(10)
    runner.stop()

    assert (was_asked, kept) == (True, [])
