"""Which stage to delay, by how much, on which share of the requests: a value, and its text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from zlib import crc32

from latprobe.errors import UsageError

MAX_DELAY_MS = 60_000.0
_ALL_64 = (1 << 64) - 1
_FORM = 'write "stage:20ms:10%"'


@dataclass(frozen=True, slots=True)
class DelayRule:
    """`stage` sleeps `ms` at its start on about `share` (0..1, both ends excluded) of the requests.

    Raises UsageError for values that cannot be meant.
    """

    stage: str
    ms: float
    share: float

    def __post_init__(self) -> None:
        if not self.stage:
            raise UsageError("A delay needs the name of a stage.")
        if not 0 < self.ms <= MAX_DELAY_MS:
            raise UsageError(f"A delay of {self.ms:g} ms cannot be meant; write 1 to 60000.")
        if not 0 < self.share < 1:
            raise UsageError(
                f"A share of {self.share:g} leaves no requests to compare; write one between 0 and "
                "1, such as 0.1."
            )

    def __str__(self) -> str:
        return f"{self.stage}:{self.ms:g}ms:{self.share * 100:g}%"

    def chooses(self, trace_id: int) -> bool:
        """Whether the request with this trace id is delayed: by its id alone, so that all its
        processes agree and a second look gives the same answer."""
        high, low = trace_id >> 64, trace_id & _ALL_64
        return _mixed(_mixed(high ^ crc32(self.stage.encode())) ^ low) < self.share * 2.0**64


def _mixed(bits: int) -> int:
    """All 64 bits depend on all: ids of some tracers begin with the time or count up (splitmix64).

    hashlib would do as well and takes 5 ms to import.
    """
    bits = (bits + 0x9E3779B97F4A7C15) & _ALL_64
    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9 & _ALL_64
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EB & _ALL_64
    return bits ^ bits >> 31


def parse_delay(raw: Any, source: str) -> DelayRule:
    """The rule written as "stage:20ms:10%". Raises UsageError."""
    if isinstance(raw, DelayRule):
        return raw
    parts = str(raw).rsplit(":", 2)
    if len(parts) != 3:
        raise UsageError(f"{source} is {raw!r}; {_FORM}.")
    stage, ms, share = (part.strip() for part in parts)
    try:
        percent = share.endswith("%")
        return DelayRule(
            stage,
            float(ms.removesuffix("ms")),
            float(share.removesuffix("%")) / (100 if percent else 1),
        )
    except ValueError:
        raise UsageError(f"{source} is {raw!r}; {_FORM}.") from None
    except UsageError as error:
        raise UsageError(f"{source} is {raw!r}. {error}") from None
