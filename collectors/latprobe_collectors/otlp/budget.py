"""A bound on the bytes that all requests together hold in memory."""

from __future__ import annotations

import threading
from types import TracebackType

from latprobe_collectors.otlp.refusals import OverloadedError


class Budget:
    """`total` bytes, shared by requests. A request that finds none left waits a moment."""

    def __init__(self, total: int, *, patience_s: float = 5.0) -> None:
        self._free = total
        self._patience_s = patience_s
        self._changed = threading.Condition()

    def share(self) -> Share:
        """One request's part, empty at first."""
        return Share(self)

    def take(self, count: int) -> None:
        """Raises OverloadedError when `count` bytes do not become free in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._free >= count, self._patience_s):
                raise OverloadedError("The receiver's memory is in use. Send it again.")
            self._free -= count

    def give(self, count: int) -> None:
        """Puts `count` bytes back."""
        with self._changed:
            self._free += count
            self._changed.notify_all()


class Share:
    """What one request has taken; given back at the end of the `with` block."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._taken = 0

    def __enter__(self) -> Share:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._budget.give(self._taken)

    def take(self, count: int) -> None:
        """Adds to the share. Raises OverloadedError."""
        self._budget.take(count)
        self._taken += count
