"""AMD GPUs, through amdsmi. Written from its documentation; no AMD GPU has been read with it yet.

Figures it has none of come as "N/A" or as the largest number of their width.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from latprobe_collectors.gpu.clocks import Clocks
from latprobe_collectors.gpu.library import Device, DeviceGoneError, Found, Quantity

_DRIVER_SIGN = "/dev/kfd"
MISSING = "amdsmi is not installed; it comes with ROCm"

# Of amdsmi.h: not initialised, no such device, driver not loaded.
_GONE = frozenset({31, 32, 34})
# Invalid, not supported, not yet implemented, no such symbol, no permission.
_CANNOT = frozenset({1, 2, 3, 5, 10})
_FAULTS = (AttributeError, TypeError, ValueError, LookupError, ArithmeticError, OSError)
_WIDTHS = frozenset({0xFFFF, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF})


def has_driver() -> bool:
    """Whether the amdgpu driver's compute device is here; costs a stat."""
    return sys.platform == "linux" and os.path.exists(_DRIVER_SIGN)


def has_library() -> bool:
    """Whether amdsmi is installed; it is not imported."""
    return find_spec("amdsmi") is not None


def load_amdsmi() -> tuple[Any, str | None]:
    """The library, not started yet, or None and the reason."""
    try:
        amdsmi: Any = import_module("amdsmi")
    except Exception as error:  # it says in many ways that its C part is missing
        if has_library():
            return None, f"amdsmi cannot be imported ({_said(error)})"
        return None, MISSING
    if not hasattr(amdsmi, "amdsmi_init"):
        return None, "the module amdsmi is not ROCm's"
    return amdsmi, None


class AmdLibrary:
    """amdsmi; `load` gives its module, or None and why there is none."""

    source = "amdsmi"

    def __init__(self, load: Callable[[], tuple[Any, str | None]] = load_amdsmi) -> None:
        self._load = load
        self._smi: Any = None

    def open(self) -> str | None:
        """Loads and starts it; the reason when it cannot be."""
        self._smi, reason = self._load()
        if self._smi is None:
            return reason or MISSING
        try:
            self._smi.amdsmi_init()
        except (_errors(self._smi), *_FAULTS) as error:
            self._smi = None
            return f"the AMD driver does not answer ({_said(error)})"
        return None

    def close(self) -> None:
        """Ends it, if it was started."""
        if self._smi is not None:
            with contextlib.suppress(_errors(self._smi)):
                self._smi.amdsmi_shut_down()
            self._smi = None

    def find(self) -> Found:
        """The GPUs of now. Raises DeviceGoneError, also when it does not say which there are."""
        handles, _ = self._try(lambda smi, _: smi.amdsmi_get_processor_handles(), None)
        if handles is None:
            raise DeviceGoneError("the AMD driver does not say which GPUs there are")
        devices: list[Device] = []
        lost: list[str] = []
        for index, handle in enumerate(handles):
            try:
                uuid, _ = self._try(lambda smi, h: smi.amdsmi_get_gpu_device_uuid(h), handle)
                asic, _ = self._try(lambda smi, h: smi.amdsmi_get_gpu_asic_info(h), handle)
            except DeviceGoneError as error:
                lost.append(f"GPU {index}: {error}")
                continue
            name = str((asic or {}).get("market_name") or "unknown")
            devices.append(Device(_uuid(uuid, index), name, index, handle))
        return Found(tuple(devices), lost=tuple(lost))

    def driver_version(self) -> str | None:
        """As the first GPU's driver says it. Raises DeviceGoneError."""
        for device in self.find().devices[:1]:
            return self._driver(device)
        return None

    def describe(self, device: Device) -> str:
        """JSON with what the device is. Raises DeviceGoneError."""
        total, _ = self._try(_memory_total, device.handle)
        return json.dumps(
            {
                "index": device.index,
                "name": device.name,
                "driver": self._driver(device),
                "memory_total_bytes": None if total is None else int(total),
                "mig_profile": None,
                "gpu": None,
            }
        )

    def quantities(self, device: Device, *, has_counters: bool) -> tuple[Quantity, ...]:
        """The same for every card."""
        return QUANTITIES

    def ask(self, quantity: Quantity, device: Device) -> tuple[float | None, bool]:
        """(value, whether to ask again). Raises DeviceGoneError."""
        value: float | None
        value, again = self._try(quantity.read, device.handle)
        return value, again

    def counters(self, device: Device, clocks: Clocks) -> None:
        """None: it has no counters that are read in pairs."""

    def process_memory(self, device: Device) -> tuple[Mapping[int, int] | None, bool]:
        """(bytes of video memory by process, whether to ask again). Raises DeviceGoneError."""
        found, again = self._try(lambda smi, h: smi.amdsmi_get_gpu_process_list(h), device.handle)
        if found is None:
            return None, again
        memory: dict[int, int] = {}
        for process in found:
            usage = process.get("memory_usage") if isinstance(process, Mapping) else None
            used = _number(usage.get("vram_mem")) if isinstance(usage, Mapping) else None
            pid = _number(process.get("pid")) if used is not None else None
            if used is not None and pid is not None:
                memory[int(pid)] = int(used)
        return memory, True

    def _driver(self, device: Device) -> str | None:
        found, _ = self._try(lambda smi, h: smi.amdsmi_get_gpu_driver_info(h), device.handle)
        return None if not found else str(found.get("driver_version"))

    def _try(self, read: Callable[[Any, Any], Any], handle: Any) -> tuple[Any, bool]:
        smi = self._smi
        try:
            return read(smi, handle), True
        except _errors(smi) as error:
            number = _code(error)
            if number in _GONE:
                raise DeviceGoneError(_said(error)) from error
            return None, number not in _CANNOT
        except (AttributeError, TypeError, KeyError):  # another version of the library
            return None, False
        except _FAULTS:  # of this reading
            return None, True


def _errors(smi: Any) -> type[Exception]:
    found: type[Exception] = getattr(smi, "AmdSmiException", Exception)
    return found


def _code(error: Exception) -> int | None:
    read = getattr(error, "get_error_code", None)
    return int(read()) if read is not None else None


def _said(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _uuid(value: Any, index: int) -> str:
    return f"GPU-{str(value).removeprefix('GPU-')}" if value else f"GPU-{index}"


def _number(value: Any) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value not in _WIDTHS:
        return float(value)
    return None


def _first(values: Mapping[str, Any], *names: str) -> float | None:
    for name in names:
        found = _number(values.get(name))
        if found is not None:
            return found
    return None


def _power(smi: Any, handle: Any) -> float | None:
    """Watts, of the moment where the card knows, else its mean."""
    names = ("socket_power", "current_socket_power", "average_socket_power")
    watts = _first(smi.amdsmi_get_power_info(handle), *names)
    return None if not watts else watts * 1000.0


def _energy(smi: Any, handle: Any) -> float | None:
    """The counter's steps are `counter_resolution` microjoules; older libraries say "power"."""
    found = smi.amdsmi_get_energy_count(handle)
    steps = _first(found, "energy_accumulator", "power")
    step = _number(found.get("counter_resolution"))
    return None if steps is None or not step else steps * step / 1000.0


def _clock(smi: Any, handle: Any, kind: str) -> float | None:
    found = smi.amdsmi_get_clock_info(handle, getattr(smi.AmdSmiClkType, kind))
    return _first(found, "clk", "cur_clk")


def _temperature(smi: Any, handle: Any) -> float | None:
    sensor = smi.AmdSmiTemperatureType.HOTSPOT
    value = _number(smi.amdsmi_get_temp_metric(handle, sensor, smi.AmdSmiTemperatureMetric.CURRENT))
    # Some versions count in thousandths.
    return value / 1000.0 if value is not None and value > 1000.0 else value


def _memory_used(smi: Any, handle: Any) -> float | None:
    return _number(smi.amdsmi_get_gpu_memory_usage(handle, smi.AmdSmiMemoryType.VRAM))


def _memory_total(smi: Any, handle: Any) -> float | None:
    return _number(smi.amdsmi_get_gpu_memory_total(handle, smi.AmdSmiMemoryType.VRAM))


def _activity(name: str) -> Callable[[Any, Any], float | None]:
    return lambda smi, h: _first(smi.amdsmi_get_gpu_activity(h), name)


QUANTITIES = (
    Quantity("gpu.utilization_pct", 0.1, 0.2, _activity("gfx_activity")),
    Quantity("gpu.memory_utilization_pct", 0.1, 0.2, _activity("umc_activity")),
    Quantity("gpu.power_mw", 0.1, 0.1, _power),
    Quantity("gpu.memory_used_bytes", 0.2, 1.0, _memory_used),
    Quantity("gpu.sm_clock_mhz", 0.5, 1.0, lambda s, h: _clock(s, h, "GFX")),
    Quantity("gpu.memory_clock_mhz", 1.0, 1.0, lambda s, h: _clock(s, h, "MEM")),
    Quantity("gpu.temperature_c", 1.0, 1.0, _temperature),
    Quantity("gpu.memory_total_bytes", 60.0, 60.0, _memory_total),
    Quantity("gpu.energy_mj", 5.0, 5.0, _energy),
)
