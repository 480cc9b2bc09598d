"""What is noted of one run of a stage, and what is known of all runs of its name."""

from __future__ import annotations

from typing import Any

from latprobe.gpu.cuda import Stream
from latprobe.ids import HALVES

# A fact of a span as the journal takes it: trace id (high, low), span id, values by name.
Late = tuple[int, int, int, dict[str, Any]]

# An event pair takes about 20 us of the host, 2 % of such a stage; of shorter ones one run in
# REST + 1 is looked at.
SHORT_NS = 1_000_000
REST = 63
FIRST_RUNS = 3
MEMORY_EVERY = 32


class StageName:
    """Runs of one name so far. `rest` runs are passed over before the next event pair."""

    __slots__ = ("rest", "runs")

    def __init__(self) -> None:
        self.rest = 0
        self.runs = 0

    def learn(self, duration_ns: int) -> None:
        """A run took that long, on the host or the GPU, whichever was longer."""
        if self.runs > FIRST_RUNS and duration_ns < SHORT_NS:
            self.rest = REST

    @property
    def reads_memory(self) -> bool:
        """Whether this run asks the allocator, which is dear."""
        return self.runs <= 2 or self.runs % MEMORY_EVERY == 0


class Run:
    """One run. `first` and `last` are its event pair, None where it has none; times in ns."""

    __slots__ = (
        "allocated", "compilations", "copies", "d2h_bytes", "first", "first_ns", "h2d_bytes",
        "is_cold", "last", "last_ns", "memory", "name", "span_id", "stream", "sync_wait_ns",
        "sync_waits", "trace",
    )  # fmt: skip

    def __init__(self) -> None:
        self.name: StageName | None = None
        self.trace = b""
        self.span_id = 0
        self.stream: Stream | None = None
        self.first: Any = None
        self.first_ns = 0
        self.last: Any = None
        self.last_ns = 0
        self.allocated: tuple[int, int] | None = None
        self.memory: tuple[int, int | None] | None = None  # change, peak if it rose meanwhile
        self.compilations = 0
        self.is_cold = False
        self.sync_wait_ns = 0
        self.sync_waits = 0
        self.h2d_bytes = 0
        self.d2h_bytes = 0
        self.copies = 0

    def facts(self) -> dict[str, Any]:
        """Those known without the event pair, as docs/journal-format.md has them."""
        found: dict[str, Any] = {}
        for key in ("sync_wait_ns", "sync_waits", "h2d_bytes", "d2h_bytes", "copies"):
            if value := getattr(self, key):
                found[key] = value
        if self.is_cold:
            found["is_cold"] = True
        if self.memory is not None:
            found["alloc_delta_bytes"] = self.memory[0]
            if self.memory[1] is not None:
                found["alloc_peak_bytes"] = self.memory[1]
        return found

    def late(self, facts: dict[str, Any]) -> Late:
        """Them as one entry of a LATE frame."""
        high, low = HALVES.unpack(self.trace)
        return high, low, self.span_id, facts
