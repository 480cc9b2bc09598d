"""When the agent takes in the journal: for whoever asks at once, else seldom."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from latprobe.agent.pace import (
    BETWEEN_QUESTIONS_S,
    BUSY_S,
    FEW_S,
    FEW_SPANS,
    FRESH_S,
    QUIET_S,
    UNASKED_S,
    Pace,
    next_pause,
)


@dataclass
class Loop:
    """An agent's loop that takes `journal` into `store` each round. It fails while `is_failing`."""

    pace: Pace
    journal: deque[int] = field(default_factory=deque)
    store: list[int] = field(default_factory=list)
    rounds: int = 0
    is_failing: bool = False

    def run(self) -> None:
        while not self.pace.is_over:
            self.rounds += 1
            if self.is_failing:
                self.pace.retry(60.0)
                continue
            count = 0
            while self.journal:
                self.store.append(self.journal.popleft())
                count += 1
            self.pace.rest(count)


class Now:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s


@contextmanager
def running(loop: Loop) -> Iterator[None]:
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        yield
    finally:
        loop.pace.end()
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture
def calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """No round comes by itself, and whoever waits waits long enough for a slow machine."""
    pauses = ("FEW_S", "QUIET_S", "UNASKED_S", "BETWEEN_QUESTIONS_S", "BUSY_S")
    for name in (*pauses, "LONGEST_WAIT_S"):
        monkeypatch.setattr(f"latprobe.agent.pace.{name}", 60.0)


def test_the_first_to_ask_after_a_while_sees_all_that_was_there_before(calm: None) -> None:
    now = Now()
    loop = Loop(Pace(now_s=now))
    seen = []
    with running(loop):
        for number in range(20):
            loop.journal.append(number)
            loop.pace.asked()
            seen.append(list(loop.store))
            now.s += 60

    assert seen == [list(range(number + 1)) for number in range(20)]


def test_several_who_ask_at_once_wait_for_the_same_round(calm: None) -> None:
    loop = Loop(Pace(now_s=Now()))
    seen: list[list[int]] = []

    def ask() -> None:
        loop.pace.asked()
        seen.append(list(loop.store))

    loop.journal.append(1)
    askers = [threading.Thread(target=ask) for _ in range(5)]
    with running(loop):
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join(20)

    assert seen == [[1]] * 5
    assert loop.rounds <= 3


def test_who_has_just_asked_does_not_wait_again(calm: None) -> None:
    now = Now()
    loop = Loop(Pace(now_s=now))
    with running(loop):
        loop.pace.asked()
        rounds = loop.rounds
        now.s += FRESH_S / 2
        loop.pace.asked()

        assert loop.rounds == rounds


def test_who_asks_again_a_little_later_sees_what_came_since(calm: None) -> None:
    now = Now()
    loop = Loop(Pace(now_s=now))
    seen = []
    with running(loop):
        for number in range(20):
            loop.journal.append(number)
            loop.pace.asked()
            seen.append(list(loop.store))
            now.s += 2.0

        assert seen == [list(range(number + 1)) for number in range(20)]
        assert loop.rounds <= 21 + 1  # one for each who asked, the first and one more at the start


def test_nobody_waits_for_a_store_that_takes_nothing(calm: None) -> None:
    loop = Loop(Pace(now_s=Now()), journal=deque([1]), is_failing=True)
    with running(loop):
        loop.pace.asked()

        assert loop.store == []


def test_the_end_lets_everybody_go(calm: None) -> None:
    pace = Pace(now_s=Now())
    asker = threading.Thread(target=pace.asked)  # no loop comes round
    asker.start()
    pace.end()
    asker.join(20)

    assert not asker.is_alive()
    pace.rest(0)  # nor does the loop wait
    pace.retry(60.0)


@pytest.mark.parametrize(
    ("count", "most_s", "pause_s"),
    [
        (1, 0.0, FEW_S),
        (FEW_SPANS, 0.0, BUSY_S),
        (1, UNASKED_S, UNASKED_S),
        (300, UNASKED_S, UNASKED_S),  # 500 a second
        (3000, UNASKED_S, pytest.approx(0.6 * FEW_SPANS / 3000)),  # 5,000 a second
        (20_000, UNASKED_S, pytest.approx(0.6 * FEW_SPANS / 20_000)),  # 33,000 a second
        (60_000, UNASKED_S, BUSY_S),
        (60_000, BETWEEN_QUESTIONS_S, BUSY_S),
        (1, BETWEEN_QUESTIONS_S, BETWEEN_QUESTIONS_S),
        (0, 0.0, pytest.approx(0.13)),
        (0, UNASKED_S, pytest.approx(0.13)),
    ],
)
def test_a_pause_is_short_for_exports_and_for_many_spans(
    count: int, most_s: float, pause_s: float
) -> None:
    assert next_pause(0.1, count, since_s=0.6, most_s=most_s) == pause_s


def test_with_nothing_to_take_the_pauses_grow_to_a_quarter_of_a_second() -> None:
    pauses = [BUSY_S]
    while pauses[-1] < QUIET_S:
        pauses.append(next_pause(pauses[-1], 0, since_s=0.1, most_s=UNASKED_S))

    assert len(pauses) < 10
    assert pauses == sorted(pauses)
