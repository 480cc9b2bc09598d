"""How sure a gain is, in the same words wherever it is shown."""

from __future__ import annotations

from collections.abc import Callable

from latprobe.advice.suggestion import Gain

# How whoever shows it writes a duration in ms.
Ms = Callable[[float], str]


def between(gain: Gain, ms: Ms) -> str:
    """The range in which a re-run would measure the gain, and what is sure; "" where not known.

    A range that holds "longer" says so: "20 ms more to 500 ms less in a re-run".
    """
    if gain.low is None or gain.high is None:
        return ""
    if gain.low >= 0:
        return f"{ms(gain.low)} to {ms(gain.high)}"
    words = f"{_side(gain.low, ms)} to {_side(gain.high, ms)} in a re-run"
    sure = at_least(gain, ms)
    return f"{words}; {sure}" if sure else words


def at_least(gain: Gain, ms: Ms) -> str:
    """What the change takes off the same requests where a re-run may hide it; "" elsewhere."""
    if gain.low is None or gain.low >= 0 or gain.least is None or gain.least <= 0:
        return ""
    return f"at least {ms(gain.least)} on these requests; runs differ by more"


def _side(value_ms: float, ms: Ms) -> str:
    return f"{ms(abs(value_ms))} {'more' if value_ms < 0 else 'less'}"
