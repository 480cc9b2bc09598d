"""Both arms asked of the live model, in an order that no drift can favour."""

from __future__ import annotations

import queue
import random
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from latprobe.advice.replay.change import Change
from latprobe.advice.replay.endpoint import Endpoint, Failure, Reply, ServerRefusedError
from latprobe.advice.replay.recorded import Recorded

INTERRUPTED = "interrupted"
Arm = Literal["old", "new"]
# So many failures in a row, and the others would fail too.
_MOST_FAILURES = 8
# How often the main thread looks up, so that Ctrl-C is heard.
_LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class Pair:
    """One recorded request with what both arms came to; None: not asked, or still under way."""

    recorded: Recorded
    old: Reply | Failure | None = None
    new: Reply | Failure | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """All pairs in the order of asking. `stopped` says why not all were asked, None: all were."""

    pairs: tuple[Pair, ...]
    calls: int
    stopped: str | None = None


def run(
    recorded: Sequence[Recorded],
    old: Change,
    new: Change,
    endpoint: Endpoint,
    *,
    at_once: int = 2,
    seed: int = 0,
    on_done: Callable[[int], None] = lambda _: None,
) -> Outcome:
    """Asks for each request once by each arm.

    Requests come in a random order, the two arms of one right after another in a random order, so
    that a server that gets slower or another model meets both alike. At most `at_once` calls are
    under way. `on_done` is told of each call, on this thread. KeyboardInterrupt ends it early:
    what has come by then is kept, and calls under way are not waited for.
    """
    work = _Work(endpoint, {"old": old, "new": new}, _order(recorded, seed))
    for _ in range(max(at_once, 1)):
        threading.Thread(target=work.serve, name="latprobe-replay", daemon=True).start()
    stopped = work.gather(on_done)
    found: dict[int, dict[Arm, Reply | Failure]] = {}
    for place, arm, reply in work.done:
        found.setdefault(place, {})[arm] = reply
    pairs = tuple(
        Pair(recorded[place], both.get("old"), both.get("new")) for place, both in found.items()
    )
    return Outcome(pairs, len(work.done), stopped)


_Task = tuple[int, Arm, Recorded]
_Done = tuple[int, Arm, Reply | Failure]


def _order(recorded: Sequence[Recorded], seed: int) -> list[_Task]:
    rng = random.Random(seed)
    places = list(range(len(recorded)))
    rng.shuffle(places)
    found: list[_Task] = []
    for place in places:
        arms: list[Arm] = ["old", "new"]
        rng.shuffle(arms)
        found += [(place, arm, recorded[place]) for arm in arms]
    return found


class _Work:
    """Tasks handed to threads, and what they bring back."""

    def __init__(
        self, endpoint: Endpoint, changes: dict[Arm, Change], tasks: Sequence[_Task]
    ) -> None:
        self.endpoint = endpoint
        self.changes = changes
        self.done: list[_Done] = []
        self._wanted = len(tasks)
        self._tasks: queue.SimpleQueue[_Task] = queue.SimpleQueue()
        for task in tasks:
            self._tasks.put(task)
        self._brought: queue.SimpleQueue[_Done | str] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._failures = 0

    def serve(self) -> None:
        """One thread's work, until there is none or it is stopped."""
        while not self._stop.is_set():
            try:
                place, arm, recorded = self._tasks.get_nowait()
            except queue.Empty:
                return
            try:
                reply = self.endpoint.ask(
                    self.changes[arm].messages(recorded), recorded.settings, pause=self._pause
                )
            except ServerRefusedError as error:
                self._brought.put(f"the server {error}")
                return
            except Exception as error:
                # A thread's top: else the trial would wait for it for ever.
                self._brought.put(f"a fault of ours ({type(error).__name__})")
                return
            self._brought.put((place, arm, reply))
            self._count(reply)

    def gather(self, on_done: Callable[[int], None]) -> str | None:
        """Waits for everything; why it ended before that, None if it did not."""
        try:
            while len(self.done) < self._wanted:
                try:
                    found = self._brought.get(timeout=_LOOK_S)
                except queue.Empty:
                    continue
                if isinstance(found, str):
                    return found
                self.done.append(found)
                on_done(1)
        except KeyboardInterrupt:
            return INTERRUPTED
        finally:
            self._stop.set()
            self._take_the_rest()
        return None

    def _take_the_rest(self) -> None:
        """What was answered and paid for by now."""
        with suppress(queue.Empty):
            while True:
                found = self._brought.get_nowait()
                if not isinstance(found, str):
                    self.done.append(found)

    def _count(self, reply: Reply | Failure) -> None:
        """Stops all threads at too many failures in a row, before the next call is made."""
        with self._lock:
            self._failures = self._failures + 1 if isinstance(reply, Failure) else 0
            if isinstance(reply, Failure) and self._failures == _MOST_FAILURES:
                self._stop.set()
                self._brought.put(
                    f"{_MOST_FAILURES} calls in a row failed: the server {reply.reason}"
                )

    def _pause(self, seconds: float) -> None:
        self._stop.wait(seconds)
