"""The failures of a busy server, drawn for a small share of the requests."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """An HTTP error, or (status None) a wait in the queue before the prefill."""

    status: int | None
    kind: str = ""
    message: str = ""
    queue_s: float = 0.0


RATE_LIMIT = Fault(429, "rate_limit_error", "Simulated: too many requests, try again shortly.")
SERVER_ERROR = Fault(500, "server_error", "Simulated: the server had an error.")
SLOW = Fault(None, queue_s=0.8)


def drawn(*, share: float, seed: int) -> Iterator[Fault | None]:
    """An endless row of faults, None for a request that goes well."""
    rng = random.Random(f"faults/{seed}")
    while True:
        yield rng.choice((RATE_LIMIT, SERVER_ERROR, SLOW)) if rng.random() < share else None
