"""What a provider bills for a model's tokens, learned from calls that were counted and billed.

A ratio is the median of the last calls' billed by counted tokens, so that calls with hidden parts,
media or a broken usage do not move it until they are half of all. Pure: the store keeps the rows.
"""

from __future__ import annotations

import json
import math
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from latprobe.tokens.models import resolve

MIN_CALLS = 10
WINDOW_CALLS = 256
MODELS = 1_000
# No tokenizer's vocabulary differs from another's by more; such a call was billed for other things.
_LOG_LIMIT = math.log(8)
_TOKEN_LIMIT = 1 << 40


class MeasuredRatio(NamedTuple):
    """Billed by counted tokens; the error is the median relative one of the calls behind it."""

    ratio: float
    expected_error: float
    calls: int


@dataclass(frozen=True, slots=True)
class CalibrationRow:
    """A model's calibration as the store keeps it; `state` is JSON, `ratio` None with few calls."""

    provider: str | None
    model: str
    family: str | None
    calls: int
    ratio: float | None
    error: float | None
    state: str


class _Window:
    """The last calls of one model: logarithms of billed by counted."""

    def __init__(self, logs: Iterable[float] = (), calls: int = 0) -> None:
        self.logs = deque(logs, maxlen=WINDOW_CALLS)
        self.calls = max(calls, len(self.logs))
        self._measured: MeasuredRatio | None = None

    def ratio(self) -> MeasuredRatio:
        """Measured anew when a sixteenth more calls are known, or 16: that takes 50 us."""
        known = self._measured
        if known is None or self.calls - known.calls > min(known.calls // 16, 16):
            middle = math.exp(median(self.logs))
            known = MeasuredRatio(middle, median(self.deviations()), self.calls)
            self._measured = known
        return known

    def deviations(self) -> list[float]:
        """Relative errors of counts times the ratio against what was billed, ascending."""
        middle = median(self.logs)
        return sorted(abs(math.exp(middle - log) - 1.0) for log in self.logs)


class Calibration:
    """The ratios of the models that were called, learned call by call. For one thread."""

    def __init__(self, rows: Iterable[CalibrationRow] = ()) -> None:
        self._windows: OrderedDict[tuple[str | None, str], _Window] = OrderedDict()
        for row in rows:
            self._windows[row.provider, row.model] = _Window(_logs(row.state), row.calls)

    def observe(
        self, model: str, counted: int, billed: int, *, provider: str | None = None
    ) -> bool:
        """Learns from one call; says whether it could.

        `counted` is what the encoding gave, before any ratio. Counts that cannot be right (not
        above zero, absurd, or more than eight times apart) teach nothing.
        """
        if not (0 < counted < _TOKEN_LIMIT and 0 < billed < _TOKEN_LIMIT):
            return False
        log = math.log(billed / counted)
        if abs(log) > _LOG_LIMIT:
            return False
        window = self._windows.setdefault((provider, model), _Window())
        self._windows.move_to_end((provider, model))
        window.logs.append(log)
        window.calls += 1
        if len(self._windows) > MODELS:
            self._windows.popitem(last=False)
        return True

    def ratio(self, model: str, *, provider: str | None = None) -> MeasuredRatio | None:
        """Gives the model's ratio; None before MIN_CALLS calls."""
        window = self._windows.get((provider, model))
        if window is None or len(window.logs) < MIN_CALLS:
            return None
        return window.ratio()

    def p95_error(self, model: str, *, provider: str | None = None) -> float | None:
        """Gives the relative error that 95 % of the calls stay under; None before MIN_CALLS."""
        window = self._windows.get((provider, model))
        if window is None or len(window.logs) < MIN_CALLS:
            return None
        errors = window.deviations()
        return errors[min(math.ceil(0.95 * len(errors)), len(errors)) - 1]

    def rows(self) -> list[CalibrationRow]:
        """Gives what the store keeps; a Calibration made of them goes on from here."""
        return [self._row(provider, model) for provider, model in self._windows]

    def _row(self, provider: str | None, model: str) -> CalibrationRow:
        window = self._windows[provider, model]
        known = self.ratio(model, provider=provider)
        return CalibrationRow(
            provider=provider,
            model=model,
            family=resolve(model, provider).family,
            calls=window.calls,
            ratio=None if known is None else known.ratio,
            error=None if known is None else known.expected_error,
            state=json.dumps([round(log, 5) for log in window.logs]),
        )


def _logs(state: str) -> list[float]:
    """What a row's state says; a state that is not ours says nothing."""
    try:
        values = json.loads(state)
    except ValueError:
        return []
    if not isinstance(values, list):
        return []
    return [
        float(value)
        for value in values
        if isinstance(value, (int, float)) and abs(value) <= _LOG_LIMIT
    ]
