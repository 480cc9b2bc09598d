"""Times and sizes as people type them."""

from __future__ import annotations

import re
from datetime import datetime

from latprobe.errors import UsageError

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_BYTES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)


def parse_moment(text: str, *, option: str, now_ns: int) -> int:
    """A time in ns since the epoch: `1h` is an hour before now, a date is local midnight."""
    if span := _SPAN.fullmatch(text.strip()):
        return now_ns - _span_ns(span)
    try:
        moment = datetime.fromisoformat(text.strip())
        return int(moment.timestamp() * 1_000_000) * 1000
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"{option} {text!r} is not a time; write 30m, 1h, 2d, 2026-11-01 or 2026-11-01T14:30."
        ) from None


def parse_span(text: str, *, option: str) -> int:
    """A length of time in ns: `30d`, `12h`."""
    if span := _SPAN.fullmatch(text.strip()):
        return _span_ns(span)
    raise UsageError(f"{option} {text!r} is not a length of time; write 30d, 12h or 45m.")


def parse_size(text: str, *, option: str) -> int:
    """A size in bytes, binary units: `10GB` and `10G` are 10 GiB."""
    if size := _SIZE.fullmatch(text.strip()):
        return int(float(size[1]) * _BYTES[size[2].lower()])
    raise UsageError(f"{option} {text!r} is not a size; write 10GB or 500MB.")


def _span_ns(span: re.Match[str]) -> int:
    return int(float(span[1]) * _SECONDS[span[2]] * 1_000_000_000)
