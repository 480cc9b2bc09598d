"""GPM, the hardware counters of Hopper and later: SM, tensor cores, DRAM, PCIe.

A figure is the mean between two samples. The card publishes its counters in steps of 100 ms
(`ticks`): two samples within a step read 0 or NaN, and a window goes from a step to a step,
whenever it is read.
"""

from __future__ import annotations

import math
from typing import Any

from latprobe_collectors.gpu.clocks import Clocks, Moment
from latprobe_collectors.gpu.library import Device, DeviceGoneError, Window
from latprobe_collectors.gpu.nvml import ask
from latprobe_collectors.gpu.step_windows import StepWindows

# Less than the step, so that some readings see nothing new; a round that comes early waits.
MIN_READ_NS = 90_000_000
# A pause this long (nobody recorded) is no window.
MAX_WINDOW_NS = 1_000_000_000
# Counters that stood still for longer read zero because nothing ran: on an idle H200 DRAM reads a
# little, but a MIG slice may read nothing.
IDLE_NS = 900_000_000
# The wall clock was set, or the machine slept, when the clocks disagree by more.
MAX_CLOCK_ERROR_NS = 10_000_000
# The call takes 31-52 us (H200); what is longer is this thread waiting for the interpreter.
LONGEST_CALL_NS = 200_000
# Counters may overshoot a little; what is beyond is no share of anything.
MOST_PCT = 105.0
MIB = 1 << 20


class GpmCounters:
    """The counters of one device; `is_supported` False where the card or driver has none."""

    def __init__(self, nvml: Any, device: Device, clocks: Clocks) -> None:
        self._nvml = nvml
        self._device = device
        self._clocks = clocks
        self._older: Any = None
        self._newer: Any = None
        self._asked: Any = None
        self._older_at: Moment | None = None
        self._newer_at = Moment(0, 0)
        self._windows = StepWindows()
        self.is_supported = self._supports()
        # Metric, number, what turns the library's figure into the metric's unit.
        self._metrics = (
            ("gpu.sm_active_pct", getattr(nvml, "NVML_GPM_METRIC_SM_UTIL", 2), 1.0),
            ("gpu.sm_occupancy_pct", getattr(nvml, "NVML_GPM_METRIC_SM_OCCUPANCY", 3), 1.0),
            ("gpu.tensor_active_pct", getattr(nvml, "NVML_GPM_METRIC_ANY_TENSOR_UTIL", 5), 1.0),
            ("gpu.dram_active_pct", getattr(nvml, "NVML_GPM_METRIC_DRAM_BW_UTIL", 10), 1.0),
            ("gpu.pcie_tx_bytes_per_s", getattr(nvml, "NVML_GPM_METRIC_PCIE_TX_PER_SEC", 20), MIB),
            ("gpu.pcie_rx_bytes_per_s", getattr(nvml, "NVML_GPM_METRIC_PCIE_RX_PER_SEC", 21), MIB),
        )

    def read(self) -> tuple[Window, ...]:
        """The windows that are known since the last call, mostly one.

        Raises DeviceGoneError.
        """
        if not self.is_supported or not self._is_due() or not self._take():
            return ()
        older, newer = self._older_at, self._newer_at
        if older is None or newer.monotonic_ns - older.monotonic_ns > MAX_WINDOW_NS:
            self._move_on()
            return self._windows.restart(newer.monotonic_ns)
        values = self._values()
        if values is None:
            return ()
        is_still = not any(value > 0.0 and metric.endswith("_pct") for metric, value in values)
        if is_still and newer.monotonic_ns - older.monotonic_ns < IDLE_NS:
            return self._windows.still(newer.monotonic_ns)
        self._move_on()
        return self._windows.moved(older, newer, values if _is_one_time(older, newer) else ())

    def _move_on(self) -> None:
        self._older, self._newer = self._newer, self._older
        self._older_at = self._newer_at

    def close(self) -> None:
        """Gives the samples back."""
        for sample in (self._older, self._newer):
            if sample is not None:
                try:
                    ask(self._nvml, lambda nvml, it: nvml.nvmlGpmSampleFree(it), sample)
                except DeviceGoneError:
                    break  # they went with it
        self._older = self._newer = self._older_at = None

    def _is_due(self) -> bool:
        if self._older_at is None:
            return True
        return self._clocks.monotonic_ns() - self._newer_at.monotonic_ns >= MIN_READ_NS

    def _supports(self) -> bool:
        device = self._device
        # A slice's samples are taken by its number; the GPU's own would mix its slices.
        if device.has_slices or (device.is_mig and device.gpu_instance is None):
            return False
        if not hasattr(self._nvml, "nvmlGpmQueryDeviceSupport"):
            return False
        handle = device.parent if device.is_mig else device.handle
        found, _ = ask(self._nvml, lambda nvml, it: nvml.nvmlGpmQueryDeviceSupport(it), handle)
        return bool(found and found.isSupportedDevice)

    def _take(self) -> bool:
        """A new sample into `_newer`."""
        if self._newer is None:
            self._newer, again = ask(self._nvml, lambda nvml, _: nvml.nvmlGpmSampleAlloc(), None)
            if self._newer is None:
                self.is_supported = again
                return False
        before = self._clocks.monotonic_ns()
        taken, again = ask(self._nvml, self._sample, self._newer)
        self._newer_at = self._clocks.moment(before + LONGEST_CALL_NS)
        self.is_supported = again
        return taken is not None

    def _sample(self, nvml: Any, sample: Any) -> Any:
        device = self._device
        if device.is_mig:
            return nvml.nvmlGpmMigSampleGet(device.parent, device.gpu_instance, sample)
        return nvml.nvmlGpmSampleGet(device.handle, sample)

    def _values(self) -> tuple[tuple[str, float], ...] | None:
        """The figures between the samples; None where the library cannot say them now."""
        nvml = self._nvml
        wanted = self._asked
        if wanted is None:
            wanted = self._asked = nvml.c_nvmlGpmMetricsGet_t()
            wanted.version = nvml.NVML_GPM_METRICS_GET_VERSION
            wanted.numMetrics = len(self._metrics)
            for place, (_, number, _) in enumerate(self._metrics):
                wanted.metrics[place].metricId = number
        wanted.sample1, wanted.sample2 = self._older, self._newer
        answer, _ = ask(nvml, lambda lib, it: lib.nvmlGpmMetricsGet(it), wanted)
        if answer is None:
            return None
        found = []
        for place, (metric, _, factor) in enumerate(self._metrics):
            each = wanted.metrics[place]
            if each.nvmlReturn == nvml.NVML_SUCCESS and _is_sound(metric, each.value):
                found.append((metric, each.value * factor))
        return tuple(found)


def _is_one_time(older: Moment, newer: Moment) -> bool:
    """Whether the clocks agree on how long it was."""
    wall, monotonic = newer.wall_ns - older.wall_ns, newer.monotonic_ns - older.monotonic_ns
    return abs(wall - monotonic) <= MAX_CLOCK_ERROR_NS


def _is_sound(metric: str, value: float) -> bool:
    """NaN and infinity fail every comparison that counts here."""
    most = MOST_PCT if metric.endswith("_pct") else math.inf
    return 0.0 <= value <= most and math.isfinite(value)
