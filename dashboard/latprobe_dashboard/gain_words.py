"""What a change would gain, in the words of a page."""

from __future__ import annotations

import html
from collections.abc import Sequence

from latprobe.analysis.intervals import Interval
from latprobe.analysis.whatif.checks import FEWEST_REQUESTS
from latprobe.analysis.whatif.gains import Gains, StageGain
from latprobe_dashboard import links, quantities, shown_text

TOO_FEW = (
    f"{FEWEST_REQUESTS} finished requests are needed to say what a change would gain. "
    "Record more, or widen the choice."
)
NOTHING = "No stage would make requests surely faster by taking half the time."


def best(gains: Sequence[StageGain]) -> StageGain | None:
    """The stage to work on first; None where none would make requests surely faster."""
    for gain in gains:
        interval = gain.half.p50_ci95_ms
        if gain.own_half_ms > 0 and interval is not None and interval.low > 0:
            return gain
    return None


def verdict(gains: Gains) -> str:
    """What to change first and what it gains, or why that is not known: HTML."""
    gain = best(gains)
    if gain is None:
        return NOTHING if gains else unknown(gains)
    return verdict_of(gain)


def unknown(gains: Gains) -> str:
    """Why there are no gains: HTML."""
    if gains.refused is None:
        return TOO_FEW
    return f"What a faster stage would gain is not known. {html.escape(gains.refused)}"


def verdict_of(gain: StageGain) -> str:
    """What this stage gains: HTML, one sentence."""
    half = gain.half
    saved = f"<b>{quantities.milliseconds(half.p50_ms)}</b>{_range(half.p50_ci95_ms)} off p50"
    if half.p95_ms > 0:
        saved += (
            f" and <b>{quantities.milliseconds(half.p95_ms)}</b>{_range(half.p95_ci95_ms)} off p95"
        )
    return f"<b>{shown_text.markup(gain.stage)}</b> in half the time takes {saved}."


def whatif_address(stage: str) -> str:
    """The link to the what-if panel with the stage in half its time; none for an endless name."""
    if not stage or len(stage) > links.LONGEST_NAME:
        return ""
    return links.address("analyze", whatif=stage, change="time", by="50")


def spread(interval: Interval | None) -> str:
    """An interval of durations: "700 ms to 950 ms", or the sign for "not measured"."""
    if interval is None:
        return quantities.NOT_MEASURED
    low, high = quantities.milliseconds(interval.low), quantities.milliseconds(interval.high)
    return f"{low} to {high}"


def _range(interval: Interval | None) -> str:
    if interval is None:
        return ""
    floor = Interval(max(interval.low, 0.0), max(interval.high, 0.0))
    return f" ({spread(floor)})"
