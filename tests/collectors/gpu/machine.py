"""Cards, their library, and a collector of them."""

from __future__ import annotations

import json
from typing import Any

from latprobe_collectors.contract import Sample
from latprobe_collectors.gpu.collector import GpuCollector
from latprobe_collectors.gpu.device_reader import EVERY_S
from latprobe_collectors.gpu.nvidia import NvidiaLibrary
from tests.collectors.gpu.fake_nvml import Card, FakeNvml, FakeTime

ROUND_MS = EVERY_S * 1000
NOT_SUPPORTED, NO_PERMISSION, NOT_FOUND, FUNCTION_NOT_FOUND, LOST, UNKNOWN = 3, 4, 6, 13, 15, 999
IN_USE = 19


class Machine:
    """Cards, their library, and a collector of them."""

    def __init__(self, *cards: Card, pids: tuple[int, ...] = ()) -> None:
        self.time = FakeTime()
        self.nvml = FakeNvml(self.time, list(cards or (Card(),)))
        self.facts: dict[str, Any] = {}
        self.collector = GpuCollector(
            NvidiaLibrary(lambda: (self.nvml, None)),
            pids=lambda: pids,
            keep_fact=lambda key, text: self.facts.update({key: json.loads(text)}),
            clocks=self.time.clocks(),
        )

    def once(self) -> list[Sample]:
        return list(self.collector.collect())

    def spend(self, card: Card) -> float:
        """A call that takes 3.9 ms of CPU, as this one does on an H200."""
        self.time.cpu_ns += 3_900_000
        return 41_107_193.0

    def run(self, seconds: float) -> list[Sample]:
        samples: list[Sample] = []
        for _ in range(round(seconds / EVERY_S)):
            samples += self.once()
            self.time.pass_ms(ROUND_MS)
        return samples


def values(samples: list[Sample], metric: str, device: str | None = None) -> list[float]:
    return [s.value for s in samples if s.metric == metric and device in (None, s.device)]
