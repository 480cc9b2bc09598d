"""Readings taken in this process, for when the agent took none."""

from __future__ import annotations

import threading
from typing import Any

from tests.benchmarks.gpu.card import POWER, AnyCard

EVERY_S = 0.102
Row = tuple[int, str, str | None, int | None, int | None, str, float]


class OwnReadings:
    """A thread that samples the card; `rows` are rows of the table `samples`."""

    def __init__(self, card: AnyCard) -> None:
        self._card = card
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self.rows: list[Row] = []

    def __enter__(self) -> OwnReadings:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _read(self) -> None:
        last: Any = self._card.sample(with_energy=False)
        while not self._stop.wait(EVERY_S):
            now = self._card.sample(with_energy=False)
            for metric, value in self._card.values(last, now).items():
                if metric != POWER:
                    self._add(now[0], metric, value)
            self._add(now[0], "gpu.gpm_window_ns", float(now[0] - last[0]))
            self._card.free(last)
            last = now

    def _add(self, time_ns: int, metric: str, value: float) -> None:
        self.rows.append((time_ns, "gpm", self._card.uuid, None, None, metric, value))
