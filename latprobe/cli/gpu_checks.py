"""What `latprobe doctor` says about GPUs: read once, the way the agent reads them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable

from latprobe.cli.finding import Finding
from latprobe_collectors.gpu import amd, nvml
from latprobe_collectors.gpu.collector import GpuCollector
from latprobe_collectors.gpu.device_reader import COUNTERS, PROCESS_MEMORY
from latprobe_collectors.gpu.library import Device, DeviceGoneError, Library
from latprobe_collectors.gpu.nvidia import NvidiaLibrary

NAME = "gpu"
_WORDS = {
    COUNTERS: "hardware counters (SM, tensor, DRAM)",
    PROCESS_MEMORY: "memory per process",
    "gpu.utilization_pct": "utilisation",
    "gpu.memory_utilization_pct": "memory utilisation",
    "gpu.power_mw": "power",
    "gpu.power_limit_mw": "power limit",
    "gpu.memory_used_bytes": "memory",
    "gpu.memory_total_bytes": "total memory",
    "gpu.sm_clock_mhz": "clock",
    "gpu.memory_clock_mhz": "memory clock",
    "gpu.temperature_c": "temperature",
    "gpu.throttle_reasons": "throttle reasons",
    "gpu.energy_mj": "energy",
    "gpu.pcie_rx_bytes_per_s": "PCIe traffic",
    "gpu.pcie_tx_bytes_per_s": "PCIe traffic",
}


def gpu_finding() -> Finding:
    """One line: the GPUs, what is absent and why."""
    has_nvidia, has_amd = nvml.has_driver(), amd.has_driver()
    if has_nvidia and not nvml.has_library():
        text = "an NVIDIA driver is here, but it cannot be read without nvidia-ml-py"
        return Finding(NAME, "warn", text, nvml.INSTALL)
    if has_nvidia:
        return library_finding(NvidiaLibrary(), nvml.load_nvml()[1])
    if has_amd and not amd.has_library():
        text = "an AMD driver is here, but it cannot be read without amdsmi"
        return Finding(NAME, "warn", text, "install amdsmi, which comes with ROCm")
    if has_amd:
        return library_finding(amd.AmdLibrary(), amd.load_amdsmi()[1])
    return Finding(NAME, "note", "no NVIDIA or AMD driver on this machine")


def library_finding(library: Library, missing: str | None = None) -> Finding:
    """What one reading of all its devices says; `missing` is why it cannot be loaded."""
    if missing is not None:
        advice = "pip install --force-reinstall nvidia-ml-py" if library.source == "nvml" else None
        return Finding(NAME, "warn", missing, advice)
    collector = GpuCollector(library)
    log = logging.getLogger("latprobe.agent")
    was_off, log.disabled = log.disabled, True  # what it would log stands in the line
    try:
        for _ in collector.collect():
            pass
        return _finding(collector, library)
    finally:
        log.disabled = was_off
        collector.close()


def _finding(collector: GpuCollector, library: Library) -> Finding:
    said = list(_devices(collector.devices))
    if collector.devices:
        said += _driver(library)
        said += _absent(collector)
    if collector.hidden:
        said.append(f"{_gpus(collector.hidden)} more that this user may not read")
    if collector.problem is not None:
        said.append(collector.problem)
        advice = "check that `nvidia-smi` works for this user" if library.source == "nvml" else None
        return Finding(NAME, "warn", "; ".join(said), advice)
    if not collector.devices:
        said = said or ["the driver lists no GPU"]
        return Finding(NAME, "warn" if collector.hidden else "note", "; ".join(said))
    return Finding(NAME, "ok", "; ".join(said))


def _devices(devices: Iterable[Device]) -> Iterable[str]:
    names = Counter(device.name for device in devices)
    if names:
        yield ", ".join(name if n == 1 else f"{n} x {name}" for name, n in names.items())


def _driver(library: Library) -> Iterable[str]:
    try:
        version = library.driver_version()
    except DeviceGoneError:
        return
    if version is not None:
        yield f"driver {version}"


def _absent(collector: GpuCollector) -> Iterable[str]:
    """What is not given, once where all devices are alike."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for device in collector.devices:
        if device.has_slices:
            continue  # its slices say
        words = dict.fromkeys(_WORDS.get(m, m) for m in collector.absent[device.uuid])
        label = f"GPU {device.index}" + (", MIG" if device.is_mig else "")
        groups.setdefault(tuple(words), []).append(label)
    for absent, labels in groups.items():
        if absent:
            who = "" if len(groups) == 1 else f"{' and '.join(dict.fromkeys(labels))}: "
            yield f"{who}no {', no '.join(absent)}"


def _gpus(count: int) -> str:
    return "1 GPU" if count == 1 else f"{count} GPUs"
