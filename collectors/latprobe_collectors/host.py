"""The host and the recorded processes, through psutil."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

import psutil

from latprobe_collectors.contract import Collector, Sample

EVERY_S = 1.0


def host_collectors(pids: Callable[[], Iterable[int]]) -> list[Collector]:
    """Collectors of the host, of the processes `pids()` names, and of the agent itself."""
    return [HostCollector(), ProcessCollector(pids), OwnCostCollector()]


class HostCollector:
    """host.cpu_pct (of all cores together), host.mem_used_bytes, host.load1."""

    name = "host"
    every_s = EVERY_S

    def __init__(self, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._now_ns = now_ns
        psutil.cpu_percent(None)  # starts the interval that the first reading is about

    def collect(self) -> Iterator[Sample]:
        """The readings of now."""
        now = self._now_ns()
        memory = psutil.virtual_memory()
        yield Sample(now, "host", "host.cpu_pct", psutil.cpu_percent(None))
        yield Sample(now, "host", "host.mem_used_bytes", float(memory.total - memory.available))
        yield Sample(now, "host", "host.load1", psutil.getloadavg()[0])


class ProcessCollector:
    """process.rss_bytes and process.cpu_pct (100 is one core) of each recorded process."""

    name = "process"
    every_s = EVERY_S

    def __init__(
        self, pids: Callable[[], Iterable[int]], now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._pids = pids
        self._now_ns = now_ns
        self._known: dict[int, psutil.Process] = {}

    def collect(self) -> Iterator[Sample]:
        """The readings of now; a process that has gone has none."""
        now = self._now_ns()
        pids = set(self._pids())
        self._known = {pid: process for pid, process in self._known.items() if pid in pids}
        for pid in sorted(pids):
            try:
                yield from self._read(pid, now)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                self._known.pop(pid, None)

    def _read(self, pid: int, now: int) -> Iterator[Sample]:
        process = self._known.get(pid)
        is_new = process is None
        if process is None:
            process = self._known[pid] = psutil.Process(pid)
        with process.oneshot():
            rss, cpu_pct = process.memory_info().rss, process.cpu_percent(None)
        yield Sample(now, "process", "process.rss_bytes", float(rss), pid=pid)
        if not is_new:  # the first reading of CPU is about no interval
            yield Sample(now, "process", "process.cpu_pct", cpu_pct, pid=pid)


class OwnCostCollector:
    """agent.cpu_pct: what the agent itself takes, 100 is one core."""

    name = "agent"
    every_s = EVERY_S

    def __init__(
        self,
        now_ns: Callable[[], int] = time.time_ns,
        cpu_ns: Callable[[], int] = time.process_time_ns,
    ) -> None:
        self._now_ns = now_ns
        self._cpu_ns = cpu_ns
        self._last = (now_ns(), cpu_ns())

    def collect(self) -> Iterator[Sample]:
        """The share since the last reading."""
        now, cpu = self._now_ns(), self._cpu_ns()
        then, cpu_then = self._last
        self._last = (now, cpu)
        if now > then:
            yield Sample(now, "agent", "agent.cpu_pct", 100.0 * (cpu - cpu_then) / (now - then))
