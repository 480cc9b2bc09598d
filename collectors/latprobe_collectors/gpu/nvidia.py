"""NVIDIA GPUs, through NVML and GPM."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from latprobe_collectors.gpu import nvml as nvml_of
from latprobe_collectors.gpu.clocks import Clocks
from latprobe_collectors.gpu.gpm import GpmCounters
from latprobe_collectors.gpu.library import Device, Found, Quantity
from latprobe_collectors.gpu.quantities import CHEAP, EXPENSIVE, PCIE


class NvidiaLibrary:
    """nvidia-ml-py; `load` gives its module, or None and why there is none."""

    source = "nvml"

    def __init__(self, load: Callable[[], tuple[Any, str | None]] = nvml_of.load_nvml) -> None:
        self._load = load
        self._nvml: Any = None

    def open(self) -> str | None:
        """Loads and starts it; the reason when it cannot be."""
        self._nvml, reason = self._load()
        if self._nvml is None:
            return reason or nvml_of.MISSING
        reason = nvml_of.start(self._nvml)
        if reason is not None:
            self._nvml = None
        return reason

    def close(self) -> None:
        """Ends it, if it was started."""
        if self._nvml is not None:
            with contextlib.suppress(self._nvml.NVMLError):  # perhaps the driver has gone
                self._nvml.nvmlShutdown()
            self._nvml = None

    def find(self) -> Found:
        """The GPUs of now, and their slices. Raises DeviceGoneError."""
        return nvml_of.find(self._nvml)

    def driver_version(self) -> str | None:
        """As the driver says it. Raises DeviceGoneError."""
        return nvml_of.driver_version(self._nvml)

    def describe(self, device: Device) -> str:
        """JSON with what the device is. Raises DeviceGoneError."""
        return nvml_of.describe(self._nvml, device)

    def quantities(self, device: Device, *, has_counters: bool) -> tuple[Quantity, ...]:
        """Hardware counters say what goes over PCIe; a slice has no link of its own."""
        pcie = () if has_counters or device.is_mig else PCIE
        return (*CHEAP, *EXPENSIVE, *pcie)

    def ask(self, quantity: Quantity, device: Device) -> tuple[float | None, bool]:
        """(value, whether to ask again). Raises DeviceGoneError."""
        return nvml_of.ask(self._nvml, quantity.read, device.handle)

    def counters(self, device: Device, clocks: Clocks) -> GpmCounters:
        """GPM. Raises DeviceGoneError."""
        return GpmCounters(self._nvml, device, clocks)

    def process_memory(self, device: Device) -> tuple[Mapping[int, int] | None, bool]:
        """(bytes by process, whether to ask again). Raises DeviceGoneError.

        A GPU with slices would count again what its slices' processes have.
        """
        if device.has_slices:
            return None, False
        found, again = nvml_of.ask(self._nvml, _processes, device.handle)
        if found is None:
            return None, again
        return {p.pid: int(p.usedGpuMemory) for p in found if p.usedGpuMemory is not None}, True


def _processes(nvml: Any, handle: Any) -> Any:
    return nvml.nvmlDeviceGetComputeRunningProcesses(handle)
