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

    runner = CollectorRunner([Ticker("fast", 0.01), Ticker("slow", 0.05)], keep, keep_every_s=0.01)
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

    runner = CollectorRunner(
        [Ticker("fast", 0.01)], kept.append, is_wanted=is_wanted, keep_every_s=0.01
    )
    runner.start()
    was_asked = asked.wait(10)
    runner.stop()

    assert (was_asked, kept) == (True, [])


def test_a_store_that_is_busy_delays_no_reading() -> None:
    many, released = threading.Event(), threading.Event()
    ticks = 0

    class Counting(Ticker):
        def collect(self) -> Iterable[Sample]:
            nonlocal ticks
            ticks += 1
            if ticks >= 20:
                many.set()
            return super().collect()

    kept: list[int] = []

    def keep(samples: list[Sample]) -> None:
        released.wait(10)
        kept.append(len(samples))

    runner = CollectorRunner([Counting("fast", 0.005)], keep, keep_every_s=0.005)
    runner.start()
    was_many = many.wait(10)
    released.set()
    runner.stop()

    assert was_many
    assert sum(kept) == ticks


def test_what_waits_when_it_stops_is_handed_on_and_collectors_are_closed() -> None:
    asked = threading.Event()

    class Closing(Ticker):
        is_closed = False

        def collect(self) -> Iterable[Sample]:
            asked.set()
            return super().collect()

        def close(self) -> None:
            self.is_closed = True

    kept: list[list[Sample]] = []
    ticker = Closing("fast", 0.005)
    runner = CollectorRunner([ticker], kept.append, keep_every_s=60)
    runner.start()
    was_asked = asked.wait(10)
    runner.stop()

    assert (was_asked, len(kept), ticker.is_closed) == (True, 1, True)


def test_what_finds_no_room_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("latprobe_collectors.runner.MAX_WAITING", 3)
    kept: list[list[Sample]] = []
    runner = CollectorRunner([], kept.append)
    for _ in range(5):
        runner._wait_for_keep([Sample(0, "x", "tick", 1.0)])
    runner.stop()

    assert (len(kept[0]), runner.dropped) == (3, 2)


def test_a_store_that_refuses_is_counted_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(samples: list[Sample]) -> None:
        raise OSError("full")

    runner = CollectorRunner([], refuse)
    for _ in range(2):
        runner._wait_for_keep([Sample(0, "x", "tick", 1.0)])
        runner.hand_over()

    assert (runner.failures["keep"], caplog.text.count("full")) == (2, 1)
