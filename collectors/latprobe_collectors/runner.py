"""Runs collectors, each at its own cadence, in one thread."""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from latprobe_collectors.contract import Collector, Sample

log = logging.getLogger("latprobe.agent")


class CollectorRunner:
    """Hands each round's samples to `keep`. A collector that fails goes on being asked; its
    failures are counted in `failures` and the first is logged."""

    def __init__(
        self,
        collectors: Sequence[Collector],
        keep: Callable[[list[Sample]], None],
        *,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        self.failures: Counter[str] = Counter()
        self._collectors = list(collectors)
        self._keep = keep
        self._is_wanted = is_wanted
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="latprobe-collect", daemon=True)

    def start(self) -> None:
        """Begins to collect."""
        self._thread.start()

    def stop(self) -> None:
        """Returns when the round under way is over."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)

    def collect(self, collectors: Sequence[Collector]) -> list[Sample]:
        """One round over some of the collectors."""
        samples: list[Sample] = []
        for collector in collectors:
            try:
                samples.extend(collector.collect())
            except Exception as error:  # thread top: one source's fault must not stop the others
                self.failures[collector.name] += 1
                if self.failures[collector.name] == 1:
                    log.warning("collector %s fails: %r", collector.name, error)
        return samples

    def _run(self) -> None:
        start = time.monotonic()
        due = [(start + c.every_s, number) for number, c in enumerate(self._collectors)]
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
                samples = self.collect(ready)
                if samples:
                    self._keep(samples)
