"""When a card's counters move on, found by reading them a little more often than they do.

An H200 publishes its hardware counters in steps, 100.02 ms apart by a clock of its own; a reading
tells of the steps before it. Read every 95 ms, most readings see one step more, and about every
twentieth sees none: it is between the same two steps as the one before, which says where they are
to within 5 ms. A line through several of those says it to within a millisecond. Now and then the
card skips a step or shifts all further ones by some ms: one reading that contradicts the line is
let pass, two that agree with each other move it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

# The period to start from; a card whose counters have another one is read without steps.
USUAL_PERIOD_NS = 100_000_000
# Of the usual period; the crystals of hosts and cards differ by far less.
PERIOD_DOUBT = 0.002
# Readings that saw nothing new, of the last 40 s.
MAX_STILL = 20
# Contradictions in a row after which nothing is known any more.
MAX_ODD = 12
# A line that misses what was seen by more is wrong: the clock was changed, or the machine slept.
MAX_MISS_NS = 3_000_000
# How far a line through one still reading may be off, more than that reading leaves open.
DOUBT_NS = 3_000_000
# After this long with nothing still, the line says no more where the steps are.
STALE_NS = 30_000_000_000
_SLOPES = 20
# One still reading could also be of a card that moves on at another pace.
_ENOUGH = 2


@dataclass(frozen=True, slots=True)
class Still:
    """Step `number` was there at `seen_ns`, and the next was not at `unseen_ns`."""

    number: int
    seen_ns: int
    unseen_ns: int


class Ticks:
    """The steps of one card, numbered. Times are monotonic."""

    def __init__(self) -> None:
        self._still: deque[Still] = deque(maxlen=MAX_STILL)
        self._number = 0
        self._changed_ns: int | None = None
        self._first_ns = 0.0
        self._period_ns = float(USUAL_PERIOD_NS)
        self._room_ns = 0.0
        self._odd = 0
        self._suspect: Still | None = None

    @property
    def is_known(self) -> bool:
        """Whether `at` can be asked."""
        return len(self._still) >= _ENOUGH

    def at(self, number: int) -> int:
        """When the counters got to this step."""
        return int(self._first_ns + number * self._period_ns)

    def changed(self, now_ns: int) -> int:
        """The number of the step that a reading sees which differs from the one before."""
        if self._still and now_ns - self._still[-1].unseen_ns > STALE_NS:
            self.forget()
        number = self._number + 1
        if self._still:
            sure_ns = now_ns - self._room_ns / 2 - DOUBT_NS / len(self._still)
            number = max(number, int((sure_ns - self._first_ns) // self._period_ns))
        self._number, self._changed_ns = number, now_ns
        return number

    def unchanged(self, now_ns: int) -> None:
        """A reading saw the same as the one before."""
        if self._changed_ns is None:
            return
        still = Still(self._number, self._changed_ns, now_ns)
        if still.unseen_ns - still.seen_ns > USUAL_PERIOD_NS * (1 + PERIOD_DOUBT):
            self._contradicted(None)  # a step is missing, or the GPU idles, or steps are longer
        elif self.is_known and not self._agrees(still):
            self._contradicted(still)
        else:
            self._odd, self._suspect = 0, None
            self._still.append(still)
            self._fit()
            if self._room_ns < -MAX_MISS_NS:
                self._restart(still)

    def _agrees(self, still: Still) -> bool:
        """With the line, as well as is known."""
        early = self.at(still.number) - still.seen_ns
        late = still.unseen_ns - self.at(still.number + 1)
        return max(early, late) <= MAX_MISS_NS

    def _contradicted(self, still: Still | None) -> None:
        self._odd += 1
        if not self.is_known or self._odd > MAX_ODD:
            self.forget()
        elif still is not None:
            suspect, self._suspect = self._suspect, still
            if suspect is not None and self._is_one_line(suspect, still):
                self._restart(suspect, still)

    def _is_one_line(self, one: Still, other: Still) -> bool:
        steps = (other.number - one.number) * self._period_ns
        low = max(one.unseen_ns + steps, other.unseen_ns) - self._period_ns
        return low - min(one.seen_ns + steps, other.seen_ns) <= MAX_MISS_NS

    def _restart(self, *stills: Still) -> None:
        """The line through these alone."""
        self.forget()
        self._still.extend(stills)
        self._fit()

    def forget(self) -> None:
        """Where the steps are is not known any more."""
        self._still.clear()
        self._odd, self._suspect = 0, None

    def _fit(self) -> None:
        """The line through the middle of what all still readings allow."""
        span = self._still[-1].number - self._still[0].number
        doubt = min(USUAL_PERIOD_NS * PERIOD_DOUBT, 4 * DOUBT_NS / max(span, 1))
        if span == 0:
            self._period_ns = float(USUAL_PERIOD_NS)
            doubt = 0.0
        zero = self._still[0].number
        best = None
        for step in range(-_SLOPES, _SLOPES + 1):
            period = self._period_ns + doubt * step / _SLOPES
            low = max(s.unseen_ns - (s.number + 1 - zero) * period for s in self._still)
            high = min(s.seen_ns - (s.number - zero) * period for s in self._still)
            if best is None or high - low > best[0]:
                best = (high - low, period, (low + high) / 2)
        self._room_ns, self._period_ns, first = best or (0.0, self._period_ns, 0.0)
        self._first_ns = first - zero * self._period_ns
