"""Counts tokens beside ingest, in a thread of its own that gives way to it."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

import duckdb

from latprobe.errors import LatprobeError

if TYPE_CHECKING:
    from latprobe.store.owner import StoreOwner

log = logging.getLogger("latprobe.agent")

# How long one go may take: a flush waits for it.
SLICE_S = 0.5
QUIET_S = 0.25
RETRY_S = 5.0
# With nothing new in the store: calls may have waited long enough for their request's end.
LOOK_AGAIN_S = 2.0
# Python runs one thread at a time. While spans come in, the pass works WORK_S and then lets others
# run for GIVE_WAY_S.
WORK_S = 0.02
GIVE_WAY_S = 0.03
BUSY_FOR_S = 1.0


class TokenThread:
    """Runs the owner's token pass until `stop`."""

    def __init__(self, owner: StoreOwner) -> None:
        self._owner = owner
        self._stop = threading.Event()
        self._worked_since_s = 0.0
        self._seen_version = -1
        self._busy_until_s = 0.0
        self._looked_version = -1
        self._look_again_s = 0.0
        self._thread = threading.Thread(target=self._run, name="latprobe-tokens", daemon=True)

    @property
    def is_busy(self) -> bool:
        """Whether calls were counted in the last go, so that there may be more."""
        return self._is_busy

    _is_busy = False

    def start(self) -> None:
        """Begins with what an earlier agent left."""
        self._thread.start()

    def stop(self) -> None:
        """Returns when the thread has ended; what is not counted waits for the next agent."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            pause = self._work() if self._is_due() else QUIET_S
            if self._stop.wait(pause):
                return

    def _is_due(self) -> bool:
        """Whether there may be something to count: a look takes some queries."""
        now, version = time.monotonic(), self._owner.ingested
        if version == self._looked_version and now < self._look_again_s and not self._is_busy:
            return False
        self._looked_version, self._look_again_s = version, now + LOOK_AGAIN_S
        return True

    def _work(self) -> float:
        """One go; gives back how long to wait before the next."""
        self._worked_since_s = time.monotonic()
        try:
            counted = self._owner.count_tokens(
                deadline_s=time.monotonic() + SLICE_S, rest=self._give_way
            )
        except (LatprobeError, duckdb.Error) as error:
            self._is_busy = False
            self._owner.note_failure(str(error))
            return RETRY_S
        except Exception:  # a thread's top: one strange call must not end the counting
            self._is_busy = False
            log.exception("tokens are not counted")
            self._owner.note_failure("Tokens are not counted; the agent's log says why.")
            return RETRY_S
        self._is_busy = counted > 0
        return GIVE_WAY_S if counted else QUIET_S

    def _give_way(self) -> None:
        """Sleeps now and then while spans are coming in; between two calls."""
        now = time.monotonic()
        if now - self._worked_since_s < WORK_S:
            return
        version = self._owner.ingested
        if version != self._seen_version:
            self._seen_version = version
            self._busy_until_s = now + BUSY_FOR_S
        if now < self._busy_until_s:
            self._stop.wait(GIVE_WAY_S)
        self._worked_since_s = time.monotonic()
