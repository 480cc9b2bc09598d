"""The card's own figures over the window, as tiles."""

from __future__ import annotations

from latprobe_dashboard import gpu_words, quantities, shown_text
from latprobe_dashboard.charts import cards
from latprobe_dashboard.gpu_queries import (
    ENERGY,
    MEMORY,
    MEMORY_TOTAL,
    POWER,
    SM,
    UTILIZATION,
    Card,
    Metric,
)

_TREND = 60
# The card's energy counter is read rarely; it is used where it covers this much of the power's.
_COVERS = 0.9


def tiles(card: Card, *, idle_power_mw: float | None) -> list[cards.Card]:
    """The tiles of one GPU."""
    seen = card.metrics
    longest = max((metric.covered_ns for metric in seen.values()), default=0)
    readings = max((metric.readings for metric in seen.values()), default=0)
    return [
        cards.Card(
            "GPU",
            shown_text.line(card.name or f"GPU {gpu_words.short_id(card.uuid)}", 24),
            f"read for {quantities.nanoseconds(longest)} in all",
            help=f"{shown_text.line(card.uuid)}: {readings:,} readings"
            + (f", driver {shown_text.line(card.driver, 20)}" if card.driver else ""),
        ),
        _percent("Utilisation", seen.get(UTILIZATION), "some kernel ran", _UTILIZATION),
        _percent("SM active", seen.get(SM), "mean of all SMs", _SM),
        _power(seen.get(POWER), idle_power_mw),
        _energy(seen.get(ENERGY), seen.get(POWER)),
        _memory(seen.get(MEMORY), seen.get(MEMORY_TOTAL)),
    ]


_UTILIZATION = (
    "NVML's gauge: the share of the time in which some kernel ran. One tiny kernel after another "
    "reads 100 % while most of the card is idle."
)
_SM = (
    "The share of the streaming multiprocessors that had work, averaged over the time "
    "(GPM counters, on Hopper and later)"
)


def _percent(label: str, metric: Metric | None, context: str, help_text: str) -> cards.Card:
    if metric is None:
        return cards.Card(label, quantities.NOT_MEASURED, "not read", help=help_text)
    return cards.Card(
        label,
        gpu_words.percent(metric.mean),
        f"{context}, mean",
        shrunk(metric.trend),
        help=f"{help_text}. From {metric.readings:,} readings.",
    )


def _power(metric: Metric | None, idle_mw: float | None) -> cards.Card:
    if metric is None:
        return cards.Card("Power", quantities.NOT_MEASURED, "not read", help="Of the whole card")
    idle = "" if idle_mw is None else f" · idle {gpu_words.power(idle_mw)}"
    return cards.Card(
        "Power",
        gpu_words.power(metric.mean),
        f"peak {gpu_words.power(metric.most)}{idle}",
        shrunk(metric.trend),
        help=f"Mean draw of the whole card, from {metric.readings:,} readings; "
        "idle is what it draws between requests, estimated from the readings",
    )


def _energy(counter: Metric | None, power: Metric | None) -> cards.Card:
    """The card's own counter where it covers the window, else power times time."""
    measured_ns = 0 if power is None else power.covered_ns
    if counter is not None and counter.last_ns - counter.first_ns >= _COVERS * measured_ns > 0:
        return cards.Card(
            "Energy",
            gpu_words.energy(counter.rise),
            f"in {quantities.nanoseconds(counter.last_ns - counter.first_ns)}",
            help="By the card's energy counter",
        )
    if power is None:
        return cards.Card("Energy", quantities.NOT_MEASURED, "not read")
    return cards.Card(
        "Energy",
        gpu_words.energy(power.mean * power.covered_ns / 1e9),
        f"in {quantities.nanoseconds(power.covered_ns)}, from power",
        help="Power times time: the card's energy counter was read too rarely for this window",
    )


def _memory(used: Metric | None, total: Metric | None) -> cards.Card:
    if used is None:
        return cards.Card("Memory peak", quantities.NOT_MEASURED, "not read")
    of = f"of {quantities.size(total.most)}" if total is not None else "in use"
    return cards.Card(
        "Memory peak",
        quantities.size(used.most),
        f"{of}, all processes",
        shrunk(used.trend),
        help=f"The most that was in use on the card, from {used.readings:,} readings",
    )


def shrunk(trend: tuple[float | None, ...]) -> list[float | None]:
    """Fewer points for a sparkline; None where nothing was read in all of a point's time."""
    size = max(len(trend) // _TREND, 1)
    groups = (trend[at : at + size] for at in range(0, len(trend), size))
    read = ([value for value in group if value is not None] for group in groups)
    return [sum(values) / len(values) if values else None for values in read]
