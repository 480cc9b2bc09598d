"""What no recording knows of a re-run, added to the interval of a prediction.

Requests that are all alike give an interval without width, and the next run still differs: another
state of the machine, which all requests of a recording have in common, and what of a stage's time
does not change with it (a timer's lateness, a thread that has to wake up).
"""

from __future__ import annotations

from dataclasses import replace

from latprobe.analysis.intervals import Interval
from latprobe.analysis.whatif.prediction import Percentile

# Shares of the figure, by which quiet machines differ from run to run, and of what a change adds or
# takes off, which may not all follow it; and how late Linux may wake a sleeper (its timer slack).
_RUN_SHARE, _CHANGE_SHARE, _LATE_MS = 0.015, 0.03, 0.05


def with_allowance(figure: Percentile) -> Percentile:
    """The figure, each side of its interval wider by what is allowed for, as independent errors add
    up; never under 0. None stays None."""
    before, after, interval = figure.before_ms, figure.after_ms, figure.ci95_ms
    if before is None or after is None or interval is None:
        return figure
    late_ms = min(_LATE_MS, _RUN_SHARE * before)
    more = (_RUN_SHARE * after) ** 2 + (_CHANGE_SHARE * (after - before)) ** 2 + late_ms**2
    low = after - ((after - interval.low) ** 2 + more) ** 0.5
    high = after + ((interval.high - after) ** 2 + more) ** 0.5
    return replace(figure, ci95_ms=Interval(max(low, 0.0), high))
