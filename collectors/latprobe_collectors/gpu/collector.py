"""The collector of a vendor's GPUs: finds them, reads them, and survives losing them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

from latprobe_collectors.contract import Sample
from latprobe_collectors.gpu.clocks import Clocks
from latprobe_collectors.gpu.device_reader import EVERY_S, DeviceReader
from latprobe_collectors.gpu.library import Device, DeviceGoneError, Found, Library

log = logging.getLogger("latprobe.agent")

# After a card was lost or the driver went away: how long until it is looked for again. Starting a
# library takes up to seconds, so a card that stays away is looked for ever more rarely.
LOOK_AGAIN_S = 10.0
LONGEST_LOOK_AGAIN_S = 320.0
# After so long without a loss it is a new one.
WELL_FOR_S = 20.0
OWN_COST_EVERY_S = 1.0


class GpuCollector:
    """gpu.* of every device, gpu.process_memory_used_bytes of the recorded processes, and
    agent.gpu_collector_cpu_pct: what reading them takes, 100 is one core.

    Nothing is loaded before the first `collect`. `keep_fact(key, json)` gets what each device is.
    `absent` says, by device, what it cannot tell; `problem` what is wrong now, None while all is
    well: it is logged once.
    """

    every_s = EVERY_S

    def __init__(
        self,
        library: Library,
        *,
        pids: Callable[[], Iterable[int]] = tuple,
        keep_fact: Callable[[str, str], None] = lambda key, text: None,
        clocks: Clocks | None = None,
    ) -> None:
        self.name = library.source
        self.problem: str | None = None
        self._library = library
        self._pids = pids
        self._keep_fact = keep_fact
        self._clocks = clocks or Clocks()
        self._readers: list[DeviceReader] = []
        self._known: set[str] = set()
        self._hidden = 0
        self._lost: dict[str, str] = {}
        self._look_at: int | None = 0
        self._looked_ns = 0
        self._wait_s = LOOK_AGAIN_S
        self._cost = _OwnCost(self._clocks)

    @property
    def devices(self) -> tuple[Device, ...]:
        """What is read at present; empty before the first `collect`."""
        return tuple(reader.device for reader in self._readers)

    @property
    def hidden(self) -> int:
        """How many GPUs this user may not read."""
        return self._hidden

    @property
    def absent(self) -> dict[str, tuple[str, ...]]:
        """Device to the metrics it does not give."""
        return {r.device.uuid: tuple(sorted(r.absent)) for r in self._readers}

    def collect(self) -> Iterator[Sample]:
        """The readings that are due and new."""
        self._cost.begin()
        if self._look_at is not None and self._clocks.monotonic_ns() >= self._look_at:
            self._look()
        samples: list[Sample] = []
        for reader in list(self._readers):
            try:
                samples.extend(reader.read(self._pids))
            except DeviceGoneError as error:
                self._drop(reader, f"{reader.device.uuid} is lost: {error}")
            except Exception as error:  # of this card's library or ours: the others are read
                self._drop(reader, f"{reader.device.uuid} cannot be read: {_said(error)}")
        yield from samples
        yield from self._cost.end()

    def close(self) -> None:
        """Lets the devices and the library go."""
        for reader in self._readers:
            reader.close()
        self._readers = []
        self._library.close()

    def _look(self) -> None:
        """Finds the devices. The library is started anew: it knows the cards of its start."""
        self.close()
        self._look_at, self._looked_ns = None, self._clocks.monotonic_ns()
        self._lost = {}
        reason = self._library.open()
        if reason is not None:
            self._lose("", reason)
            return
        try:
            found = self._library.find()
            self._take(found)
        except DeviceGoneError as error:
            self._readers = []
            self._lose("", str(error))
            return
        except Exception as error:  # of the library or ours: it may pass, and must be said
            self._readers = []
            self._lose("", f"the library of these GPUs fails: {_said(error)}")
            return
        if not self._lost:
            self.problem = None

    def _take(self, found: Found) -> None:
        self._hidden = found.hidden
        for device in found.devices:
            try:
                reader = DeviceReader(self._library, device, self._clocks)
                fact = self._library.describe(device)
            except DeviceGoneError as error:
                self._lose(device.uuid, f"{device.uuid} is lost: {error}")
                continue
            self._readers.append(reader)
            self._keep_fact(f"gpu:{device.uuid}", fact)
        for text in found.lost:
            self._lose(text, text)
        present = {device.uuid for device in found.devices}
        if not found.lost:  # else the missing ones may be those
            for uuid in sorted(self._known - present):
                self._lose(uuid, f"{uuid} is not there any more")
        self._known |= present

    def _drop(self, reader: DeviceReader, reason: str) -> None:
        self._readers.remove(reader)
        self._lose(reader.device.uuid, reason)

    def _lose(self, key: str, reason: str) -> None:
        self._lost[key] = reason
        if self._look_at is None:
            now = self._clocks.monotonic_ns()
            if now - self._looked_ns > WELL_FOR_S * 1e9:  # else found, but not to be read
                self._wait_s = LOOK_AGAIN_S
            self._look_at = now + int(self._wait_s * 1e9)
            self._wait_s = min(self._wait_s * 2, LONGEST_LOOK_AGAIN_S)
        problem = "; ".join(self._lost.values())
        if problem != self.problem:
            log.warning("GPU counters: %s", problem)
        self.problem = problem


def _said(error: Exception) -> str:
    """Class and message, on one line."""
    return " ".join(f"{type(error).__name__} {error}".split())


class _OwnCost:
    """The share of a core between rounds that follow each other."""

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks
        self._spent_ns = 0
        self._since_ns: int | None = None
        self._last_ns = 0
        self._before_ns = 0

    def begin(self) -> None:
        """A round begins. After a pause (nobody recorded) the count begins anew."""
        now = self._clocks.monotonic_ns()
        self._before_ns = self._clocks.cpu_ns()
        if self._since_ns is None or now - self._last_ns > OWN_COST_EVERY_S * 1e9:
            self._since_ns, self._spent_ns = now, 0
        self._last_ns = now

    def end(self) -> Iterator[Sample]:
        """The share, once a second."""
        self._spent_ns += self._clocks.cpu_ns() - self._before_ns
        now = self._clocks.monotonic_ns()
        since = now if self._since_ns is None else self._since_ns
        if now - since >= OWN_COST_EVERY_S * 1e9:
            share = 100.0 * self._spent_ns / (now - since)
            self._since_ns, self._spent_ns = now, 0
            wall = self._clocks.wall_ns()
            yield Sample(wall, "agent", "agent.gpu_collector_cpu_pct", share)
