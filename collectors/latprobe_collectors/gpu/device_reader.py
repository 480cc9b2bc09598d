"""One device: each quantity at its own cadence, and only what is news."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from latprobe_collectors.contract import Sample
from latprobe_collectors.gpu.clocks import Clocks
from latprobe_collectors.gpu.library import Counters, Device, Library, Quantity
from latprobe_collectors.gpu.plausible import is_plausible

# A round's length: a little less than the 100 ms at which hardware counters move on, so that now
# and then a round sees nothing new. That tells when they do (see `ticks`), and the better the less
# of 100 ms are a whole number of the differences.
EVERY_S = 0.0947
PROCESSES_EVERY_S = 1.0
PROCESS_MEMORY = "gpu.process_memory_used_bytes"
GPM_WINDOW = "gpu.gpm_window_ns"
COUNTERS = "gpm"


class DeviceReader:
    """What is due of `device`. `absent` are the metrics that it does not give."""

    def __init__(self, library: Library, device: Device, clocks: Clocks) -> None:
        self.device = device
        self.absent: set[str] = set()
        self._library = library
        self._clocks = clocks
        self._counters: Counters | None = library.counters(device, clocks)
        if self._counters is None or not self._counters.is_supported:
            self._counters = None
            self.absent.add(COUNTERS)
        has_counters = self._counters is not None
        quantities = library.quantities(device, has_counters=has_counters)
        self._due: dict[Quantity, int] = dict.fromkeys(quantities, 0)
        self._last: dict[str, tuple[float, int]] = {}
        self._processes_due = 0

    def read(self, pids: Callable[[], Iterable[int]]) -> Iterator[Sample]:
        """What is due and new. Raises DeviceGoneError; what came before it counts."""
        yield from self._hardware()
        for quantity, due in list(self._due.items()):
            if self._clocks.monotonic_ns() >= due:
                yield from self._quantity(quantity)
        if self._clocks.monotonic_ns() >= self._processes_due:
            yield from self._processes(pids)

    def close(self) -> None:
        """Gives back what the library holds for it."""
        if self._counters is not None:
            self._counters.close()

    def _hardware(self) -> Iterator[Sample]:
        if self._counters is None:
            return
        windows = self._counters.read()
        if not self._counters.is_supported:
            self._counters = None
            self.absent.add(COUNTERS)
        for window in windows:
            length = (GPM_WINDOW, float(window.length_ns))
            for metric, value in (*window.values, length):
                yield Sample(window.end_ns, COUNTERS, metric, value, self.device.uuid)

    def _quantity(self, quantity: Quantity) -> Iterator[Sample]:
        value, again = self._library.ask(quantity, self.device)
        if not again:
            del self._due[quantity]
            self.absent.add(quantity.metric)
            return
        tick = self._clocks.monotonic_ns()
        # Half a round early rather than most of a round late.
        self._due[quantity] = tick + int((quantity.every_s - EVERY_S / 2) * 1e9)
        if value is None or not is_plausible(quantity.metric, value):
            return
        if self._is_news(quantity, value, tick):
            now = self._clocks.wall_ns()
            yield Sample(now, self._library.source, quantity.metric, value, self.device.uuid)

    def _is_news(self, quantity: Quantity, value: float, tick: int) -> bool:
        last = self._last.get(quantity.metric)
        if last is not None and last[0] == value:
            age_s = (tick - last[1]) / 1e9
            if age_s < quantity.update_s - EVERY_S / 2:
                return False
        self._last[quantity.metric] = (value, tick)
        return True

    def _processes(self, pids: Callable[[], Iterable[int]]) -> Iterator[Sample]:
        self._processes_due = self._clocks.monotonic_ns() + int(PROCESSES_EVERY_S * 1e9)
        if PROCESS_MEMORY in self.absent:
            return
        found, again = self._library.process_memory(self.device)
        if not again:
            self.absent.add(PROCESS_MEMORY)
        now, source, uuid = self._clocks.wall_ns(), self._library.source, self.device.uuid
        for pid in sorted(set(pids()) & set(found or ())):
            value = float((found or {})[pid])
            if is_plausible(PROCESS_MEMORY, value):
                yield Sample(now, source, PROCESS_MEMORY, value, uuid, pid)
