"""When the agent takes in the journal: at once for whoever asks, else about once a second.

A transaction costs about as much for one span as for hundreds, so what nobody asks for waits a
little for more: a page that asks every two seconds costs a round each time and none in between.
Spans are safe in the journal meanwhile.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

BUSY_S = 0.05
FEW_S = 0.15
FEW_SPANS = 4096
QUIET_S = 0.25
# A round comes so seldom, unless something is exported, about FEW_SPANS are there or somebody asks;
# while somebody asks now and then, mostly for him.
UNASKED_S = 1.0
BETWEEN_QUESTIONS_S = 2.5
# After a round nobody waits for another one so long, so that a page's many statements do not wait
# each for its own; but who asks first after ASKED_FOR_S does.
FRESH_S = 0.15
ASKED_FOR_S = 3.0
# A round may take longer (a backlog); who asks then gets what is there.
LONGEST_WAIT_S = 1.0


class Pace:
    """The agent's loop goes round and calls `rest` or `retry` after each round; whoever is about
    to answer a question calls `asked`, from any thread. `is_followed`: exports follow what comes
    in, so rounds are frequent."""

    def __init__(
        self, *, is_followed: bool = False, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.is_over = False
        self._is_followed = is_followed
        self._now_s = now_s
        # Its lock may be taken again by a signal handler in the thread that has it.
        self._changed = threading.Condition()
        self._asked_s = -math.inf
        self._rounds = 0
        self._due = 0  # rounds that somebody waits for
        self._is_resting = False
        self._is_failing = False
        self._pause_s = BUSY_S
        self._round_s = now_s()

    def asked(self) -> bool:
        """Returns when all that was in the journal is in the store, at most LONGEST_WAIT_S later.

        Only the first question after a while waits for that; who asks again is content with the
        last FRESH_S, and with a round that is under way. Gives back whether it is the first.
        """
        with self._changed:
            now = self._now_s()
            was_asked, self._asked_s = self._is_asked(now), now
            is_due = self._rounds < self._due
            if was_asked and not is_due and now - self._round_s < FRESH_S:
                return False
            if not (was_asked and is_due):
                # A round that is under way may have looked already.
                self._due = self._rounds + (1 if self._is_resting or was_asked else 2)
                self._changed.notify_all()
            due = self._due
            if not self._is_failing:
                self._changed.wait_for(
                    lambda: self._rounds >= due or self._is_failing or self.is_over, LONGEST_WAIT_S
                )
            return not was_asked

    def rest(self, count: int) -> None:
        """Waits for the next round, after one that took in `count` spans."""
        with self._changed:
            self._ended(is_failing=False)
            now = self._now_s()
            since_s, self._round_s = now - self._round_s, now
            most_s = BETWEEN_QUESTIONS_S if self._is_asked(now) else UNASKED_S
            if self._is_followed:
                most_s = 0.0
            self._pause_s = next_pause(self._pause_s, count, since_s=since_s, most_s=most_s)
            self._is_resting = True
            self._changed.wait_for(lambda: self.is_over or self._rounds < self._due, self._pause_s)
            self._is_resting = False

    def retry(self, pause_s: float) -> None:
        """Waits after a round that failed; whoever asks gets what is there."""
        with self._changed:
            self._ended(is_failing=True)
            self._changed.wait_for(lambda: self.is_over, pause_s)

    def end(self) -> None:
        """No further round; also for a signal handler."""
        with self._changed:
            self.is_over = True
            self._changed.notify_all()

    def _is_asked(self, now_s: float) -> bool:
        return now_s - self._asked_s < ASKED_FOR_S

    def _ended(self, *, is_failing: bool) -> None:
        self._rounds += 1
        self._is_failing = is_failing
        self._changed.notify_all()


def next_pause(last_s: float, count: int, *, since_s: float, most_s: float) -> float:
    """How long to wait, in seconds, after a round that took in `count` spans, `since_s` after the
    one before it; `last_s` was the last pause. `most_s`: for few spans, at most so long."""
    if not count:
        return min(last_s * 1.3, QUIET_S)
    shortest_s = BUSY_S if count >= FEW_SPANS else FEW_S
    return max(min(since_s * FEW_SPANS / count, most_s), shortest_s)
