"""Figures as people read them: three significant digits, always a unit, a dash if unmeasured."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, tzinfo

NOT_MEASURED = "\u2013"  # an en dash: absent, which is not zero
TIMES_SIGN = "\u00d7"

_DURATIONS = ((86_400e3, "d"), (3_600e3, "h"), (60e3, "min"), (1e3, "s"), (1.0, "ms"), (1e-3, "µs"))
_COUNTS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
_PERCENT, _MICRO = re.compile(r"(?<=\d)%"), re.compile(r"(?<=\d) us\b")
_BYTES = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def significant(value: float) -> str:
    """Three significant digits, thousands separated, never an exponent."""
    magnitude = abs(value)
    # What would be rounded up to the next power of ten has its digits: "10.0", not "10.00".
    if magnitude >= 99.95:
        return f"{value:,.0f}"
    if magnitude >= 9.995:
        return f"{value:.1f}"
    if magnitude >= 0.9995 or magnitude == 0:
        return f"{value:.2f}" if magnitude else "0"
    return f"{value:.3g}" if magnitude >= 0.001 else _plain(value, 1)


def typeset(words: str) -> str:
    """A sentence of the analysis, which terminals show too, with units as pages write them."""
    return _MICRO.sub(" \u00b5s", _PERCENT.sub(" %", words))


def milliseconds(value_ms: float | None) -> str:
    """A duration in the unit that suits it: "597 ms", "1.69 s", "12.0 min"."""
    if value_ms is None:
        return NOT_MEASURED
    if value_ms == 0:
        return "0 ms"
    for size, unit in _DURATIONS:
        # 999.7 ms would read "1,000 ms": the next unit starts where rounding would reach it.
        if abs(value_ms) >= size * (0.9995 if unit in ("s", "ms") else 1):
            return f"{significant(value_ms / size)} {unit}"
    return f"{significant(value_ms * 1e6)} ns"


def nanoseconds(value_ns: float | None) -> str:
    """A duration given in ns, in the unit that suits it."""
    return milliseconds(None if value_ns is None else value_ns / 1e6)


def count(value: float | None) -> str:
    """A count: exact up to 9,999, then "12.3 k", "2.29 B"."""
    if value is None:
        return NOT_MEASURED
    if abs(value) < 10_000:
        return f"{value:,.0f}"
    for size, unit in _COUNTS:
        if abs(value) >= size * 0.9995:
            return f"{significant(value / size)} {unit}"
    return f"{value:,.0f}"


def counted(value: int, noun: str) -> str:
    """A count with its noun: "1 request", "12.3 k requests"."""
    return f"{count(value)} {noun}" if value == 1 else f"{count(value)} {noun}s"


def exact(value: int | None) -> str:
    """A count with all its digits."""
    return NOT_MEASURED if value is None else f"{value:,}"


def share(value: float | None) -> str:
    """A share of 1 as a percentage."""
    if value is None:
        return NOT_MEASURED
    percent = value * 100
    if 0 < percent < 0.05:
        return "< 0.1 %"
    return f"{percent:.0f} %" if percent >= 99.95 or percent == 0 else f"{percent:.1f} %"


def rate(value_per_s: float | None) -> str:
    """A rate: "12.3/s", or per minute, hour or day when it is slower than one."""
    if value_per_s is None:
        return NOT_MEASURED
    units = ((1, "s"), (60, "min"), (3_600, "h"), (86_400, "d"))
    size, unit = next((u for u in units if not 0 < value_per_s * u[0] < 0.95), units[-1])
    return f"{significant(value_per_s * size)}/{unit}"


def dollars(value_usd: float | None) -> str:
    """A cost in US dollars; a fraction of a cent keeps its digits."""
    if value_usd is None:
        return NOT_MEASURED
    if abs(value_usd) >= 100:
        return f"${value_usd:,.0f}"
    if value_usd == 0:
        return "$0.00"
    if abs(value_usd) >= 0.01:
        return f"${value_usd:,.2f}"
    return f"${_plain(value_usd, 2)}"


def _plain(value: float, digits: int) -> str:
    """A value under 1 with so many significant digits, and never as "8e-05"."""
    return f"{value:.{digits - 1 - math.floor(math.log10(abs(value)))}f}"


def size(value_bytes: float | None) -> str:
    """A size in binary units."""
    if value_bytes is None:
        return NOT_MEASURED
    for unit_bytes, unit in _BYTES:
        if value_bytes >= unit_bytes:
            return f"{significant(value_bytes / unit_bytes)} {unit}"
    return f"{value_bytes:,.0f} B"


def times(ratio: float | None) -> str:
    """A ratio, as in "3.2 times"."""
    return NOT_MEASURED if ratio is None else f"{significant(ratio)}{TIMES_SIGN}"


def moment(time_ns: int | None, zone: tzinfo = UTC) -> str:
    """A point in time in the viewer's zone."""
    if time_ns is None:
        return NOT_MEASURED
    return local_time(time_ns, zone).strftime("%Y-%m-%d %H:%M:%S")


def local_time(time_ns: int, zone: tzinfo = UTC) -> datetime:
    """The moment as a datetime in `zone`; a time no calendar has becomes the nearest it has."""
    seconds = min(max(time_ns / 1e9, 0.0), 253_370_764_800.0)
    return datetime.fromtimestamp(seconds, UTC).astimezone(zone)
