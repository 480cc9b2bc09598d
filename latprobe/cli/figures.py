"""How numbers are shown to people. None is shown as "-": not measured, not zero."""

from __future__ import annotations

from datetime import datetime

UNMEASURED = "-"


def ms(value: float | None) -> str:
    """A duration given in milliseconds, three digits and its unit."""
    if value is None:
        return UNMEASURED
    if value == 0:
        return "0"
    if round(value, 3) < 1:
        return f"{_three_digits(value * 1000)} us"
    if round(value) < 1000:
        return f"{_three_digits(value)} ms"
    if value < 60_000:
        return f"{value / 1000:.2f} s"
    return f"{value / 60_000:.1f} min"


def _three_digits(value: float) -> str:
    """Of an amount under 1000."""
    decimals = 2 if round(value, 2) < 10 else 1 if round(value, 1) < 100 else 0
    return f"{value:.{decimals}f}"


def ns(value: int | None) -> str:
    """A duration given in nanoseconds."""
    return ms(None if value is None else value / 1e6)


def count(value: float | None) -> str:
    """An integer with thousands separators."""
    return UNMEASURED if value is None else f"{value:,.0f}"


def many(count_of: int, noun: str) -> str:
    """ "1 run", "2 runs": a count with its regular noun."""
    return f"{count(count_of)} {noun}" if count_of == 1 else f"{count(count_of)} {noun}s"


def tokens(given: int | None, made: int | None) -> str:
    """Tokens in and out of a model, in one cell."""
    if given is None and made is None:
        return UNMEASURED
    return f"{count(given)} / {count(made)}"


def percent(share: float | None) -> str:
    """A share of 0..1; a share that is small but not 0 does not round to 0."""
    if share is None:
        return UNMEASURED
    value = share * 100
    if 0 < value < 0.01:
        return "< 0.01 %"
    if 0 < value < 1:
        return f"{value:.2f} %"
    if 0 < value < 10 or 99 < value < 100:
        return f"{value:.1f} %"
    return f"{value:.0f} %"


def usd(value: float | None) -> str:
    """An amount; sums under a dollar keep the digits that matter."""
    if value is None:
        return UNMEASURED
    return f"${value:,.2f}" if value >= 1 else f"${value:.6f}".rstrip("0").rstrip(".")


def size(value: int | None) -> str:
    """Bytes in binary units."""
    if value is None:
        return UNMEASURED
    amount = float(value)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def local_time(time_ns: int | None) -> str:
    """A wall-clock time in the reader's time zone, to the second."""
    if time_ns is None:
        return UNMEASURED
    return datetime.fromtimestamp(time_ns / 1e9).strftime("%Y-%m-%d %H:%M:%S")


def bar(share: float, width: int, *, full: str = "█") -> str:
    """A bar of `share` (0..1) of `width`; in eighths where the full block is used."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    whole, rest = divmod(eighths, 8)
    if full != "█":
        return full * (whole + (rest >= 4))
    return full * whole + (" ▏▎▍▌▋▊▉"[rest] if rest else "")
