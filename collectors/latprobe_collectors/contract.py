"""The shape of a collector."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading. The unit is in the metric's name; what could not be read has no sample."""

    time_ns: int
    source: str
    metric: str
    value: float
    device: str | None = None
    pid: int | None = None


class Collector(Protocol):
    """Reads some counters each time it is asked, every `every_s` seconds."""

    @property
    def name(self) -> str:
        """What the log calls it."""

    @property
    def every_s(self) -> float:
        """Its cadence."""

    def collect(self) -> Iterable[Sample]:
        """The readings of now. May raise: that is counted, and said once."""
