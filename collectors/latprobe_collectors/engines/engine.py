"""How an engine's own metrics become ours: one `Engine` a file, this is what it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from latprobe_collectors.engines.page import Labels, Page

SECOND_NS = 1e9
MICROSECOND_NS = 1e3

# Restarts show here, where the engine's page has it.
START = "process_start_time_seconds"


@dataclass(frozen=True, slots=True)
class Gauge:
    """A state of now. `names` are its names, the newest first; the engine's parts are added up
    (requests) or averaged (shares)."""

    metric: str
    names: tuple[str, ...]
    combine: Literal["sum", "mean"] = "sum"
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Mean:
    """What the observations of the interval were on average: growth of `sums` over growth of
    `counts`. `only` are labels a series must have."""

    metric: str
    sums: tuple[str, ...]
    counts: tuple[str, ...]
    factor: float = 1.0
    only: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Rate:
    """Growth of a counter per second."""

    metric: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Engine:
    """`sign` begins the names of its metrics. Of a label in `ranks` only the value "0" counts: its
    other values are workers that say the same again."""

    name: str
    sign: str
    gauges: tuple[Gauge, ...] = ()
    means: tuple[Mean, ...] = ()
    rates: tuple[Rate, ...] = ()
    ranks: tuple[str, ...] = ()

    @property
    def counters(self) -> frozenset[str]:
        """Names whose growth is needed."""
        names = [name for mean in self.means for name in (*mean.sums, *mean.counts)]
        return frozenset((*names, *(name for rate in self.rates for name in rate.names)))

    @property
    def wanted(self) -> frozenset[str]:
        """Names to read from the page."""
        gauges = (name for gauge in self.gauges for name in gauge.names)
        return frozenset((*self.counters, *gauges, START))

    def first_rank(self, series: Mapping[Labels, float]) -> dict[Labels, float]:
        """The series without those of other workers."""
        return {
            labels: value
            for labels, value in series.items()
            if all(value == "0" for key, value in labels if key in self.ranks)
        }


def histogram(
    metric: str, *names: str, factor: float = SECOND_NS, only: tuple[tuple[str, str], ...] = ()
) -> Mean:
    """The mean of a histogram or summary, by default one of seconds."""
    sums = tuple(f"{name}_sum" for name in names)
    return Mean(metric, sums, tuple(f"{name}_count" for name in names), factor, only)


def gauge_values(engine: Engine, page: Page) -> dict[str, float]:
    """The states of now that the page has."""
    found: dict[str, float] = {}
    for gauge in engine.gauges:
        values = list(engine.first_rank(page.of(gauge.names)).values())
        if values:
            total = sum(values) * gauge.factor
            found[gauge.metric] = total if gauge.combine == "sum" else total / len(values)
    return found
