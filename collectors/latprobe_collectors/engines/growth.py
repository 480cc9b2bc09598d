"""Counters between two pages: means and rates of the interval, none across a restart."""

from __future__ import annotations

from dataclasses import dataclass

from latprobe_collectors.engines.engine import START, Engine, Mean
from latprobe_collectors.engines.page import Labels, Page

# The clocks disagree by more when this machine slept, or its clock was set.
MAX_CLOCK_ERROR_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Seen:
    """A page and when it was read."""

    page: Page
    wall_ns: int
    monotonic_ns: int


def growth_values(engine: Engine, before: Seen, after: Seen) -> dict[str, float]:
    """Means and rates of the time between; empty when the engine was restarted in it.

    A counter that is new counts from zero: it began in the interval.
    """
    elapsed_ns = after.monotonic_ns - before.monotonic_ns
    error_ns = abs(after.wall_ns - before.wall_ns - elapsed_ns)
    if elapsed_ns <= 0 or error_ns > MAX_CLOCK_ERROR_NS:
        return {}
    if _was_restarted(engine, before.page, after.page):
        return {}
    found: dict[str, float] = {}
    for mean in engine.means:
        value = _mean(engine, mean, before.page, after.page)
        if value is not None:
            found[mean.metric] = value
    for rate in engine.rates:
        grown = _growth(engine, rate.names, before.page, after.page)
        if grown is not None:
            found[rate.metric] = grown * 1e9 / elapsed_ns
    return found


def _was_restarted(engine: Engine, before: Page, after: Page) -> bool:
    if before.of((START,)) != after.of((START,)):
        return True
    for name in engine.counters:
        then, now = before.of((name,)), after.of((name,))
        if any(now.get(labels, value) < value for labels, value in then.items()):
            return True
    return False


def _mean(engine: Engine, mean: Mean, before: Page, after: Page) -> float | None:
    """None when nothing was observed in the interval."""
    count = _growth(engine, mean.counts, before, after, mean.only)
    total = _growth(engine, mean.sums, before, after, mean.only)
    if not count or total is None:
        return None
    return total / count * mean.factor


def _growth(
    engine: Engine,
    names: tuple[str, ...],
    before: Page,
    after: Page,
    only: Labels = (),
) -> float | None:
    """None where the page has no such counter."""
    now = engine.first_rank(after.of(names))
    chosen = {labels: value for labels, value in now.items() if set(only) <= set(labels)}
    if not chosen:
        return None
    then = before.of(names)
    return sum(value - then.get(labels, 0.0) for labels, value in chosen.items())
