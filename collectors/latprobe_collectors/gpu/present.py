"""The collectors for the GPUs of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from latprobe_collectors.contract import Collector
from latprobe_collectors.gpu import amd, nvml
from latprobe_collectors.gpu.collector import GpuCollector
from latprobe_collectors.gpu.nvidia import NvidiaLibrary


def gpu_collectors(
    pids: Callable[[], Iterable[int]], keep_fact: Callable[[str, str], None]
) -> list[Collector]:
    """One for each vendor whose driver and library are here; none is the normal case.

    Costs a few stats: the libraries are loaded by the first reading. `keep_fact(key, json)` gets
    what each device is.
    """
    found: list[Collector] = []
    if nvml.has_driver() and nvml.has_library():
        found.append(GpuCollector(NvidiaLibrary(), pids=pids, keep_fact=keep_fact))
    if amd.has_driver() and amd.has_library():
        found.append(GpuCollector(amd.AmdLibrary(), pids=pids, keep_fact=keep_fact))
    return found
