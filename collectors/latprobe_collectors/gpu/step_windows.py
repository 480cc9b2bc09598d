"""Pairs of hardware samples as windows from one of the card's steps to another."""

from __future__ import annotations

from dataclasses import dataclass

from latprobe_collectors.gpu.clocks import Moment
from latprobe_collectors.gpu.library import Window
from latprobe_collectors.gpu.ticks import Ticks

# While it is not known where the steps are, windows wait this long for that, 4 s on an H200.
HOLD_NS = 6_000_000_000
# While the steps are not known, no more than one must lie between two readings.
MAX_GAP_NS = 125_000_000


@dataclass(frozen=True, slots=True)
class _Pair:
    older: Moment
    newer: Moment
    older_step: int
    step: int
    values: tuple[tuple[str, float], ...]


class StepWindows:
    """Windows of one card. Where no steps are found they go from reading to reading."""

    def __init__(self) -> None:
        self._ticks = Ticks()
        self._waiting: list[_Pair] = []
        self._step = 0
        self._read_ns = 0
        self._hold_until_ns = 0

    def restart(self, now_ns: int) -> tuple[Window, ...]:
        """A first sample, or one after a pause: gives what waited."""
        found = self._flush()
        self._ticks.forget()
        self._step = self._ticks.changed(now_ns)
        self._read_ns, self._hold_until_ns = now_ns, now_ns + HOLD_NS
        return found

    def still(self, now_ns: int) -> tuple[Window, ...]:
        """A sample that was the same as the older one."""
        self._read_ns = now_ns
        was_known = self._ticks.is_known
        self._ticks.unchanged(now_ns)
        if was_known and not self._ticks.is_known:
            self._hold_until_ns = now_ns + HOLD_NS
        return self._known(now_ns)

    def moved(
        self, older: Moment, newer: Moment, values: tuple[tuple[str, float], ...]
    ) -> tuple[Window, ...]:
        """A sample that was another than the older one, and what was measured between them."""
        now_ns = newer.monotonic_ns
        late: tuple[Window, ...] = ()
        if not self._ticks.is_known and now_ns - self._read_ns > MAX_GAP_NS:
            late, values = self._flush(), ()  # how many steps it tells of is not known
        step = self._ticks.changed(now_ns)
        if values:
            self._waiting.append(_Pair(older, newer, self._step, step, values))
        self._step, self._read_ns = step, now_ns
        return (*late, *self._known(now_ns))

    def _known(self, now_ns: int) -> tuple[Window, ...]:
        if self._ticks.is_known or now_ns >= self._hold_until_ns:
            return self._flush()
        return ()

    def _flush(self) -> tuple[Window, ...]:
        waiting, self._waiting = self._waiting, []
        return tuple(self._window(pair) for pair in waiting)

    def _window(self, pair: _Pair) -> Window:
        begin, end = pair.older.monotonic_ns, pair.newer.monotonic_ns
        if self._ticks.is_known:
            begin, end = self._ticks.at(pair.older_step), self._ticks.at(pair.step)
        wall = pair.newer.wall_ns - (pair.newer.monotonic_ns - end)
        return Window(wall, end - begin, pair.values)
