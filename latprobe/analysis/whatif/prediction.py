"""What a change would do: before, after, and how sure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from latprobe.analysis.intervals import Interval

Basis = Literal["replay", "latency_model", "queue"]


@dataclass(frozen=True, slots=True)
class Percentile:
    """One percentile of the requests' durations. None: not predicted.

    `ci95_ms` is where a re-run of as many requests with the change would measure it.
    `saved_low_ms` is what the change takes off the same requests, 97.5 times in 100 more than that.
    """

    before_ms: float | None = None
    after_ms: float | None = None
    ci95_ms: Interval | None = None
    saved_low_ms: float | None = None

    def to_json(self) -> dict[str, object]:
        """The documented keys."""
        interval = self.ci95_ms
        return {
            "before_ms": self.before_ms,
            "after_ms": self.after_ms,
            "ci95_ms": None if interval is None else interval.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Throughput:
    """Requests a second; predicted only where their number at once is limited."""

    before_per_s: float
    after_per_s: float


NOT_KNOWN = Percentile()


@dataclass(frozen=True, slots=True)
class Prediction:
    """The prediction over `requests` requests, or in `refused` why there is none.

    `notes` are sentences: what was assumed, and what limits the answer.
    """

    requests: int
    basis: Basis = "replay"
    p50: Percentile = NOT_KNOWN
    p95: Percentile = NOT_KNOWN
    p99: Percentile = NOT_KNOWN
    throughput: Throughput | None = None
    refused: str | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """The documented keys of `latprobe whatif --json`."""
        rate = self.throughput
        return {
            "p50": self.p50.to_json(),
            "p95": self.p95.to_json(),
            "p99": self.p99.to_json(),
            "throughput": None
            if rate is None
            else {"before_per_s": rate.before_per_s, "after_per_s": rate.after_per_s},
            "requests": self.requests,
            "basis": self.basis,
            "refused": self.refused,
            "notes": list(self.notes),
        }
