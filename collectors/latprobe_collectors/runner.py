"""Runs collectors, each at its own cadence, in one thread; another hands on what they found."""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from latprobe_collectors.contract import Collector, Sample

log = logging.getLogger("latprobe.agent")

# A transaction costs about 15 ms however little is in it, and waits for those of others.
KEEP_EVERY_S = 1.0
MAX_WAITING = 100_000
# The first round of a slow one: what grows since then is known at the second.
FIRST_S = 1.0


class CollectorRunner:
    """Hands the samples to `keep` about once a second, from a thread of its own: a store that is
    busy delays no reading. A collector that fails goes on being asked; its failures are counted in
    `failures` and the first is logged. `dropped` counts samples that found no room."""

    def __init__(
        self,
        collectors: Sequence[Collector],
        keep: Callable[[list[Sample]], None],
        *,
        is_wanted: Callable[[], bool] = lambda: True,
        keep_every_s: float = KEEP_EVERY_S,
        name: str = "latprobe-collect",
    ) -> None:
        self.failures: Counter[str] = Counter()
        self.dropped = 0
        self._collectors = list(collectors)
        self._keep = keep
        self._is_wanted = is_wanted
        self._keep_every_s = keep_every_s
        self._waiting: list[Sample] = []
        self._swap = threading.Lock()
        self._stop = threading.Event()
        self._threads = (
            threading.Thread(target=self._run, name=name, daemon=True),
            threading.Thread(target=self._hand_on, name=f"{name}-keep", daemon=True),
        )

    def start(self) -> None:
        """Begins to collect; without collectors there is no thread."""
        if self._collectors:
            for thread in self._threads:
                thread.start()

    def stop(self) -> None:
        """Returns when the round under way is over and handed on."""
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=5.0)
        self.hand_over()
        for collector in self._collectors:
            close = getattr(collector, "close", None)
            if close is not None and not self._threads[0].is_alive():
                close()

    def collect(self, collectors: Sequence[Collector]) -> list[Sample]:
        """One round over some of the collectors."""
        samples: list[Sample] = []
        for collector in collectors:
            try:
                samples.extend(collector.collect())
            except Exception as error:  # thread top: one source's fault must not stop the others
                self._note(collector.name, f"collector {collector.name} fails: {error!r}")
        return samples

    def _run(self) -> None:
        start = time.monotonic()
        due = [
            (start + min(c.every_s, FIRST_S), number) for number, c in enumerate(self._collectors)
        ]
        heapq.heapify(due)
        while due:
            if self._stop.wait(max(due[0][0] - time.monotonic(), 0.0)):
                return
            now = time.monotonic()
            ready: list[Collector] = []
            while due[0][0] <= now:
                at, number = due[0]
                collector = self._collectors[number]
                ready.append(collector)
                # After a stall (a suspended machine) the rounds that were missed stay missed.
                heapq.heapreplace(
                    due, (max(at, now - collector.every_s) + collector.every_s, number)
                )
            if self._is_wanted():
                self._wait_for_keep(self.collect(ready))

    def _wait_for_keep(self, samples: list[Sample]) -> None:
        with self._swap:
            room = MAX_WAITING - len(self._waiting)
            self._waiting += samples[:room]
            self.dropped += max(len(samples) - room, 0)

    def _hand_on(self) -> None:
        while not self._stop.wait(self._keep_every_s):
            self.hand_over()

    def hand_over(self) -> None:
        """Hands on what waits, now; any thread."""
        with self._swap:
            samples, self._waiting = self._waiting, []
        if not samples:
            return
        try:
            self._keep(samples)
        except Exception as error:  # thread top: the next samples may find their place again
            self._note("keep", f"samples are not kept: {error!r}")

    def _note(self, name: str, text: str) -> None:
        self.failures[name] += 1
        if self.failures[name] == 1:
            log.warning("%s", text)
