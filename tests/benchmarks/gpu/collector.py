"""What the GPU collector takes on this machine, what each quantity costs, how often each changes.

PYTHONPATH=.:collectors python tests/benchmarks/gpu/collector.py [--seconds 20] [--out FILE.json]

Needs nvidia-ml-py. With torch, a child process works the GPU in bursts, so that figures change.
`readings` of the result is what the tests replay (tests/collectors/gpu/recorded_h200.json).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

from latprobe_collectors.contract import Sample
from latprobe_collectors.gpu import nvml as nvml_of
from latprobe_collectors.gpu.clocks import Clocks
from latprobe_collectors.gpu.collector import GpuCollector
from latprobe_collectors.gpu.gpm import MIN_READ_NS, GpmCounters
from latprobe_collectors.gpu.library import Device, DeviceGoneError
from latprobe_collectors.gpu.nvidia import NvidiaLibrary
from latprobe_collectors.gpu.quantities import CHEAP, EXPENSIVE, PCIE
from latprobe_collectors.runner import CollectorRunner

LOAD = """
import time, torch
a = torch.randn(4096, 4096, device="cuda", dtype=torch.bfloat16)
while True:
    end = time.monotonic() + 0.37
    while time.monotonic() < end:
        b = a @ a
    torch.cuda.synchronize()
    time.sleep(0.23)
"""
READS = 200
SLOW_READS = 10


def collect(seconds: float) -> tuple[dict[str, Any], list[Sample]]:
    """The collector under the agent's own runner: its CPU share by the process and by itself."""
    samples: list[Sample] = []
    collector = GpuCollector(NvidiaLibrary())
    list(collector.collect())  # loading and finding are not part of a round
    runner = CollectorRunner([collector], samples.extend)
    devices = max(len(collector.devices), 1)
    cpu, wall = time.process_time(), time.monotonic()
    runner.start()
    threading.Event().wait(seconds)
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    absent, devices_read = collector.absent, [device.name for device in collector.devices]
    problem = collector.problem
    runner.stop()
    own = [s.value for s in samples if s.metric == "agent.gpu_collector_cpu_pct"]
    found = {
        "devices": devices_read,
        "absent": absent,
        "problem": problem,
        "seconds": wall,
        "samples_per_s": len(samples) / wall,
        "cpu_pct_of_a_core_per_gpu": 100 * cpu / wall / devices,
        "own_cpu_pct": statistics.fmean(own) if own else None,
        "own_cpu_pct_max": max(own, default=None),
    }
    return found, samples


def windows(samples: list[Sample]) -> dict[str, Any] | None:
    """Lengths of the hardware counters' windows, and of the holes between them."""
    found = [s for s in samples if s.metric == "gpu.gpm_window_ns"]
    device = found[0].device if found else None
    mine = sorted((s.time_ns, s.value) for s in found if s.device == device)
    if len(mine) < 3:
        return None
    lengths = [length / 1e6 for _, length in mine]
    holes = [(b - length - a) / 1e6 for (a, _), (b, length) in pairwise(mine)]
    return {
        "windows": len(mine),
        "min_ms": min(lengths),
        "p50_ms": statistics.median(lengths),
        "max_ms": max(lengths),
        "longest_hole_ms": max(holes),
    }


def cost(read: Callable[[], object], times: int) -> dict[str, float]:
    """Wall and CPU time of one call."""
    took: list[float] = []
    cpu = time.thread_time_ns()
    for _ in range(times):
        start = time.perf_counter_ns()
        read()
        took.append((time.perf_counter_ns() - start) / 1e3)
    cpu_us = (time.thread_time_ns() - cpu) / 1e3 / times
    return {"p50_us": statistics.median(took), "max_us": max(took), "cpu_us": cpu_us}


def costs(library: NvidiaLibrary, device: Device) -> dict[str, Any]:
    """Of each quantity, of a hardware window, of the processes; None where there is none."""
    found: dict[str, Any] = {}
    for quantity in (*CHEAP, *EXPENSIVE, *PCIE):
        read = partial(library.ask, quantity, device)
        value, _ = read()
        times = READS if quantity in CHEAP else SLOW_READS
        found[quantity.metric] = None if value is None else cost(read, times)
    counters = GpmCounters(library._nvml, device, Clocks())
    if counters.is_supported:
        counters.read()
        took = []
        for _ in range(20):
            threading.Event().wait(1.2 * MIN_READ_NS / 1e9)
            took.append(cost(counters.read, 1))
        found["gpm window"] = {
            key: statistics.median(one[key] for one in took) for key in ("p50_us", "cpu_us")
        }
        found["gpm sample"] = cost(counters._take, READS)
        found["gpm figures"] = cost(counters._values, READS)
        counters.close()
    found["processes"] = cost(lambda: library.process_memory(device), SLOW_READS)
    return found


def periods(library: NvidiaLibrary, device: Device, seconds: float) -> dict[str, Any]:
    """How often each cheap quantity changes, polled every 2 ms; None for one that does not."""
    last: dict[str, float | None] = {}
    changes: dict[str, list[float]] = defaultdict(list)
    end = time.monotonic() + seconds
    while (now := time.monotonic()) < end:
        for quantity in CHEAP:
            value, _ = library.ask(quantity, device)
            if quantity.metric in last and value != last[quantity.metric]:
                changes[quantity.metric].append(now)
            last[quantity.metric] = value
        threading.Event().wait(0.002)
    found: dict[str, Any] = {}
    for quantity in CHEAP:
        gaps = [1e3 * (b - a) for a, b in pairwise(changes[quantity.metric])]
        found[quantity.metric] = (
            {"p50_ms": statistics.median(gaps), "min_ms": min(gaps), "changes": len(gaps)}
            if gaps
            else None
        )
    return found


def readings(samples: list[Sample], device: str) -> dict[str, list[list[float]]]:
    """Metric to (ns since the first reading, value), changes only."""
    found: dict[str, list[list[float]]] = {}
    first = min(s.time_ns for s in samples if s.device == device)
    for sample in sorted(samples, key=lambda s: s.time_ns):
        rows = found.setdefault(sample.metric, [])
        if sample.device == device and (not rows or rows[-1][1] != sample.value):
            rows.append([sample.time_ns - first, sample.value])
    return {metric: rows for metric, rows in found.items() if rows}


def main() -> int:
    """Prints the result as JSON, and writes it with the raw readings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--no-load", action="store_true")
    options = parser.parse_args()
    load = None
    if not options.no_load and find_spec("torch") is not None:
        load = subprocess.Popen([sys.executable, "-c", LOAD])
        threading.Event().wait(10)  # until torch is up
    try:
        result, samples = collect(options.seconds)
        library = NvidiaLibrary()
        reason = library.open()
        if reason is not None or not result["devices"]:
            print(reason or "no device", file=sys.stderr)
            return 1
        device = library.find().devices[-1]
        result |= {
            "driver": nvml_of.driver_version(library._nvml),
            "is_loaded": load is not None and load.poll() is None,
            "gpm": windows(samples),
            "costs": costs(library, device),
            "periods": periods(library, device, min(options.seconds, 10.0)),
        }
        print(json.dumps(result, indent=1))
        if options.out is not None:
            raw = {"recorded": f"{device.name}, driver {result['driver']}; ns, changes only"}
            raw["readings"] = readings(samples, device.uuid)  # type: ignore[assignment]
            options.out.write_text(json.dumps(result | raw))
    except DeviceGoneError as error:
        print(f"the GPU was lost: {error}", file=sys.stderr)
        return 1
    finally:
        if load is not None:
            load.kill()
            load.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
