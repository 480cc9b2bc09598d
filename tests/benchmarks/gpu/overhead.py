"""What latprobe costs a GPU pipeline, and that it adds no synchronisation.

    python -m tests.benchmarks.gpu.overhead --out overhead.json [--seconds 45] [--device cpu]

Requests of `pipeline.py` in turns, with latprobe on (journal, agent, collectors, event pairs, waits
and copies; no kernel sampling) and off: stages idle, torch's functions the original ones, the agent
stopped. Which comes first is drawn for each pair. The ratio of the medians has a 95 % interval by
resampling pairs; "off against off" of the same run says how far chance alone goes. Afterwards calls
of the CUDA runtime are counted by Kineto, the same number of requests with and without, and what
one stage costs by itself.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import torch

import latprobe
from latprobe import stages
from latprobe.agent.address import read_address
from latprobe.gpu import run_notes
from latprobe.gpu.captures import count_captures
from latprobe.gpu.cuda import Cuda
from latprobe.gpu.stages import GpuStages
from latprobe.gpu.waits import note_waits
from latprobe.recorder import make_stage
from latprobe.store.reader import Reader
from tests.benchmarks.gpu.pipeline import Pipeline, on_any_device

RESAMPLES = 2000
PROFILED_REQUESTS = 3
STAGE_RUNS = 2000
SYNC_CALLS = (
    "cudaDeviceSynchronize", "cudaStreamSynchronize", "cudaEventSynchronize", "cudaMemcpy",
)  # fmt: skip


class Latprobe:
    """latprobe in this process, switched on and off between requests as if it were never there."""

    def __init__(self, home: Path, *, is_cuda: bool) -> None:
        self._home = home
        latprobe.init(service="overhead", home=home)
        self.gpu = GpuStages(Cuda(torch)) if is_cuda else None
        self._undos: list[Callable[[], None]] = []
        self._is_on = False
        self.switch(is_on=True)

    def switch(self, *, is_on: bool) -> None:
        """What a program has with `latprobe run`, or without."""
        if is_on is self._is_on:
            return
        self._is_on = is_on
        stages.start_recording(make_stage if is_on else None)
        if self.gpu is not None and is_on:
            self.gpu.install()
            self._undos = [
                self.gpu.remove,
                count_captures(torch, self.gpu),
                note_waits(torch, self.gpu.current_run),
            ]
        elif self.gpu is not None:
            for undo in reversed(self._undos):
                undo()
        self._signal_agent(signal.SIGCONT if is_on else signal.SIGSTOP)

    def _signal_agent(self, number: int) -> None:
        address = read_address(self._home)
        if address is not None:
            os.kill(address.pid, number)


def measure(
    pipeline: Pipeline, probe: Latprobe, *, seconds: float
) -> tuple[list[float], list[float], list[float]]:
    """Durations in ms: on, off, and a second off for each pair."""
    found: dict[str, list[float]] = {"on": [], "off": [], "again": []}
    draw = random.Random(1)
    deadline = time.perf_counter() + seconds
    order = ["on", "off", "again"]
    try:
        while time.perf_counter() < deadline:
            draw.shuffle(order)
            for which in order:
                probe.switch(is_on=which == "on")
                pipeline.wait()
                start = time.perf_counter_ns()
                pipeline.request(latprobe.stage)
                found[which].append((time.perf_counter_ns() - start) / 1e6)
    finally:
        probe.switch(is_on=True)  # the agent goes on, whatever happened
    return found["on"], found["off"], found["again"]


def ratio(first: list[float], second: list[float]) -> dict[str, Any]:
    """Median of the first over that of the second, with its interval; and of the paired ratios."""
    draw = random.Random(2)
    count = len(first)
    resampled = []
    for _ in range(RESAMPLES):
        rows = [draw.randrange(count) for _ in range(count)]
        one = statistics.median(first[row] for row in rows)
        resampled.append(one / statistics.median(second[row] for row in rows))
    resampled.sort()
    return {
        "p50_ratio": statistics.median(first) / statistics.median(second),
        "ci95": [resampled[int(RESAMPLES * 0.025)], resampled[int(RESAMPLES * 0.975)]],
        "median_of_paired_ratios": statistics.median(
            a / b for a, b in zip(first, second, strict=True)
        ),
    }


def runtime_calls(
    pipeline: Pipeline, stage: Callable[..., AbstractContextManager[Any]]
) -> Counter[str]:
    """Calls of the CUDA runtime by name during a few requests."""
    kinds = [torch.profiler.ProfilerActivity.CPU]
    if pipeline.is_cuda:
        kinds.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=kinds) as profile:
        for _ in range(PROFILED_REQUESTS):
            pipeline.request(stage)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profile.export_chrome_trace(str(path))
        events = json.loads(path.read_text("utf-8"))["traceEvents"]
    return Counter(
        event["name"] for event in events if event.get("cat") in ("cuda_runtime", "cuda_driver")
    )


def count_synchronisation(pipeline: Pipeline, probe: Latprobe) -> dict[str, Any]:
    """The calls that wait, and those that events need, with and without."""
    runtime_calls(pipeline, latprobe.stage)  # the profiler's own first time
    calls = {}
    for is_on in (True, False):
        probe.switch(is_on=is_on)
        calls["on" if is_on else "off"] = runtime_calls(pipeline, latprobe.stage)
    probe.switch(is_on=True)
    names = sorted(set(calls["on"]) | set(calls["off"]))
    waiting = {name: [calls[which][name] for which in ("on", "off")] for name in SYNC_CALLS}
    return {
        "requests": PROFILED_REQUESTS,
        "waiting_calls_on_off": waiting,
        "adds_none": all(on <= off for on, off in waiting.values()),
        "all_calls_on_off": {name: [calls["on"][name], calls["off"][name]] for name in names},
    }


def stage_cost_us(pipeline: Pipeline) -> dict[str, float]:
    """An empty stage by itself on an idle GPU: resting, as short stages do, and with an event pair
    each time, the allocator's every 32nd question included."""
    found = {}
    before = run_notes.SHORT_NS
    for which, short_ns in (("resting", before), ("with_event_pair", 0)):
        run_notes.SHORT_NS = short_ns
        pipeline.wait()
        start = time.perf_counter_ns()
        for _ in range(STAGE_RUNS):
            with latprobe.stage(f"tick {which}"):
                pass
        found[which] = (time.perf_counter_ns() - start) / STAGE_RUNS / 1e3
    run_notes.SHORT_NS = before
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=45.0)
    parser.add_argument("--device", default=None)
    options = parser.parse_args()
    pipeline = on_any_device(options.device)
    durations = pipeline.calibrate()
    home = Path(tempfile.mkdtemp(prefix="latprobe-overhead-"))
    probe = Latprobe(home, is_cuda=pipeline.is_cuda)
    for _ in range(5):
        pipeline.request(latprobe.stage)
    on, off, again = measure(pipeline, probe, seconds=options.seconds)
    synchronisation = count_synchronisation(pipeline, probe)
    results = {
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if pipeline.is_cuda else "cpu",
        "stages_ms": durations,
        "pairs": len(on),
        "p50_on_ms": statistics.median(on),
        "p50_off_ms": statistics.median(off),
        "on_against_off": ratio(on, off),
        "off_against_off": ratio(again, off),
        "synchronisation": synchronisation,
        "stage_cost_us": stage_cost_us(pipeline),
        "pairs_given_up": None if probe.gpu is None else probe.gpu.pairs.given_up,
    }
    latprobe.flush(20)
    results["stored"] = stored(home)
    options.out.write_text(json.dumps(results, indent=1, default=float), "utf-8")
    print(json.dumps(results, indent=1, default=float))
    return 0 if synchronisation["adds_none"] else 1


def stored(home: Path) -> list[dict[str, Any]]:
    """What the agent has of the stages: runs with an event pair, and medians in ms."""
    with Reader(home, start_agent=True) as reader:
        table = reader.query(
            "SELECT s.name, count(*) AS runs, count(g.gpu_ns) AS pairs, "
            "median(s.duration_ns) / 1e6 AS host_ms, median(g.gpu_ns) / 1e6 AS gpu_ms, "
            "median(g.gpu_lag_ns) / 1e6 AS lag_ms, median(g.sync_wait_ns) / 1e6 AS wait_ms, "
            "median(g.h2d_bytes) AS h2d_bytes, sum(g.is_cold::INTEGER) AS cold "
            "FROM spans s LEFT JOIN gpu_spans g USING (trace_id, span_id) "
            "WHERE s.name NOT LIKE 'tick%' GROUP BY 1 ORDER BY 1"
        )
        rows: list[dict[str, Any]] = table.to_pylist()
        return rows


if __name__ == "__main__":
    sys.exit(main())
