"""What is read of an NVIDIA device, how often, and with which call.

Costs and update periods were measured on an H200: utilisation changes every 205 ms, power and
energy every 100 ms; most reads take 1-5 us, energy 3.9 ms and PCIe throughput 20.9 ms.
"""

from __future__ import annotations

from typing import Any

from latprobe_collectors.gpu.library import Quantity


def _power(nvml: Any, handle: Any) -> float:
    """The momentary draw in mW; nvmlDeviceGetPowerUsage is a one-second mean on recent cards."""
    number = getattr(nvml, "NVML_FI_DEV_POWER_INSTANT", None)
    if number is not None:
        try:
            (field,) = nvml.nvmlDeviceGetFieldValues(handle, [number])
            if field.nvmlReturn == nvml.NVML_SUCCESS and field.value.uiVal > 0:
                return float(field.value.uiVal)
        except nvml.NVMLError:
            pass  # a driver from before it; what the next call says counts
    return float(nvml.nvmlDeviceGetPowerUsage(handle))


def _throttle(nvml: Any, handle: Any) -> float:
    # The first is the older name, which newer drivers still answer to.
    for name in ("ThrottleReasons", "EventReasons"):
        read = getattr(nvml, f"nvmlDeviceGetCurrentClocks{name}", None)
        if read is not None:
            return float(read(handle))
    raise AttributeError("nvmlDeviceGetCurrentClocksEventReasons")


# 1 kB/s is what the throughput counter counts in.
_KB = 1000.0

CHEAP = (
    Quantity(
        "gpu.utilization_pct", 0.1, 0.2, lambda n, h: float(n.nvmlDeviceGetUtilizationRates(h).gpu)
    ),
    Quantity(
        "gpu.memory_utilization_pct",
        0.1,
        0.2,
        lambda n, h: float(n.nvmlDeviceGetUtilizationRates(h).memory),
    ),
    Quantity("gpu.power_mw", 0.1, 0.1, _power),
    Quantity(
        "gpu.memory_used_bytes", 0.1, 1.0, lambda n, h: float(n.nvmlDeviceGetMemoryInfo(h).used)
    ),
    Quantity(
        "gpu.sm_clock_mhz",
        0.2,
        1.0,
        lambda n, h: float(n.nvmlDeviceGetClockInfo(h, n.NVML_CLOCK_SM)),
    ),
    Quantity(
        "gpu.memory_clock_mhz",
        1.0,
        1.0,
        lambda n, h: float(n.nvmlDeviceGetClockInfo(h, n.NVML_CLOCK_MEM)),
    ),
    Quantity(
        "gpu.temperature_c",
        1.0,
        1.0,
        lambda n, h: float(n.nvmlDeviceGetTemperature(h, n.NVML_TEMPERATURE_GPU)),
    ),
    Quantity("gpu.throttle_reasons", 0.2, 1.0, _throttle),
    Quantity(
        "gpu.memory_total_bytes",
        60.0,
        60.0,
        lambda n, h: float(n.nvmlDeviceGetMemoryInfo(h).total),
    ),
    Quantity(
        "gpu.power_limit_mw", 60.0, 60.0, lambda n, h: float(n.nvmlDeviceGetEnforcedPowerLimit(h))
    ),
)
EXPENSIVE = (
    Quantity(
        "gpu.energy_mj", 5.0, 5.0, lambda n, h: float(n.nvmlDeviceGetTotalEnergyConsumption(h))
    ),
)
# Only where hardware counters do not say it: a call waits 20 ms for each direction.
PCIE = (
    Quantity(
        "gpu.pcie_rx_bytes_per_s",
        10.0,
        10.0,
        lambda n, h: _KB * n.nvmlDeviceGetPcieThroughput(h, n.NVML_PCIE_UTIL_RX_BYTES),
    ),
    Quantity(
        "gpu.pcie_tx_bytes_per_s",
        10.0,
        10.0,
        lambda n, h: _KB * n.nvmlDeviceGetPcieThroughput(h, n.NVML_PCIE_UTIL_TX_BYTES),
    ),
)
