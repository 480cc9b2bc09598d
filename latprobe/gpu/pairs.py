"""Event pairs: recorded around stages, asked later whether they are done, never waited for."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from latprobe.clock import monotonic_ns
from latprobe.gpu.clock import DeviceClock
from latprobe.gpu.cuda import Cuda, Stream
from latprobe.gpu.run_notes import Late, Run

# Pairs whose GPU work never ends (a hung kernel) are given up, the oldest first.
MAX_PENDING = 4_096
# Asked at the end of a request and where many wait; more end than begin only after a pause.
RESOLVED_AT_ONCE = 32
MAX_POOL = 4_096


class EventPairs:
    """All pairs of the process. `given_up` counts those whose time was never learnt."""

    def __init__(self, cuda: Cuda) -> None:
        self.cuda = cuda
        self.given_up = 0
        self._pools: dict[int, list[Any]] = {}
        self._clocks: dict[int, DeviceClock] = {}
        self._pending: deque[Run] = deque()
        self._late: deque[Late] = deque(maxlen=MAX_PENDING)
        self._lock = threading.Lock()

    def begin(self, run: Run, stream: Stream) -> None:
        """Puts the first event of the pair into the stream."""
        event = self._event(stream.device)
        run.first_ns = monotonic_ns()
        self.cuda.record(event, stream)
        run.first, run.stream = event, stream

    def end(self, run: Run, ended_ns: int) -> None:
        """Puts the second event into the same stream; the pair is resolved some time later.

        `ended_ns` is when the stage ended on the host.
        """
        assert run.stream is not None
        event = self._event(run.stream.device)
        self.cuda.record(event, run.stream)
        run.last, run.last_ns = event, ended_ns
        self._pending.append(run)
        if len(self._pending) > MAX_PENDING:
            self._give_up()

    def keep(self, run: Run) -> None:
        """Of a run without a pair what is known already."""
        facts = run.facts()
        if facts:
            self._late.append(run.late(facts))

    def resolve(self, most: int = RESOLVED_AT_ONCE) -> None:
        """Takes the times of pairs that are done, the oldest first. Returns at once if another
        thread is at it."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            pending, query = self._pending, self.cuda.query
            while pending and most and query(pending[0].last):
                most -= 1
                self._settle(pending.popleft())
        finally:
            self._lock.release()

    def add_late(self, late: Late) -> None:
        """Another fact to journal. Of too many the newest are kept."""
        self._late.append(late)

    def take_late(self, *, at_least: int = 1) -> list[Late]:
        """Facts to journal, nothing while there are fewer than `at_least`."""
        if len(self._late) < at_least:
            return []
        try:
            return [self._late.popleft() for _ in range(len(self._late))]
        except IndexError:  # another thread took the rest
            return []

    @property
    def pending(self) -> int:
        """Pairs whose work goes on."""
        return len(self._pending)

    def _event(self, device: int) -> Any:
        try:
            return self._pools[device].pop()
        except (KeyError, IndexError):
            return self.cuda.new_event()

    def _settle(self, run: Run) -> None:
        assert run.stream is not None
        cuda, device = self.cuda, run.stream.device
        clock = self._clocks.get(device)
        if clock is None:
            clock = self._clocks[device] = DeviceClock(cuda)
        gpu_ns = max(cuda.elapsed_ns(run.first, run.last), 0)
        before = clock.reference
        start_ns = clock.host_ns(run.first, run.first_ns)
        if run.name is not None:
            run.name.learn(max(gpu_ns, run.last_ns - run.first_ns))
        facts = run.facts()
        facts["gpu_start_ns"] = start_ns
        facts["gpu_ns"] = gpu_ns
        facts["gpu_lag_ns"] = max(start_ns + gpu_ns - run.last_ns, 0)
        if (name := cuda.device_name(device)) is not None:
            facts["device"] = name
        self._late.append(run.late(facts))
        pool = self._pools.setdefault(device, [])
        if len(pool) < MAX_POOL:
            pool.append(run.last)
            if clock.reference is not run.first:
                pool.append(run.first)
            elif before is not None:
                pool.append(before)

    def _give_up(self) -> None:
        """The oldest pair; its events are not used again, the GPU may yet come to them."""
        try:
            run = self._pending.popleft()
        except IndexError:
            return
        self.given_up += 1
        self.keep(run)
