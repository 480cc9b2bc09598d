"""What latprobe costs a GPU pipeline, and that it adds no synchronisation.

    python -m tests.benchmarks.gpu.overhead --out overhead.json [--seconds 45] [--device cpu]

Requests of `pipeline.py` in turns of three: with all of latprobe (journal, agent, collectors, event
pairs, waits and copies; no kernel sampling); with what is in the process alone (`hooks`: the agent
stopped); with the `agent` alone; and without, twice. Without, stages are idle, torch's functions
the original ones and the agent is stopped. A turn is of several because an agent that goes on has
first to do what was due meanwhile. A round is a turn of each, in an order that is drawn. The ratio
of the medians has a 95 % interval by resampling rounds; "again", the second turn without, says how
far chance alone goes. Afterwards calls of the CUDA runtime are counted by Kineto, the same number
of requests with and without, and what one stage costs by itself.
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
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import psutil
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
TURN = 3
PROFILED_REQUESTS = 3
STAGE_RUNS = 2000
SYNC_CALLS = (
    "cudaDeviceSynchronize", "cudaStreamSynchronize", "cudaEventSynchronize", "cudaMemcpy",
)  # fmt: skip


# Durations in ms of one turn of each: [arm][request][stage], all of the request last.
Round = dict[str, list[list[float]]]
# What is on: in the process, and the agent.
ARMS = {
    "on": (True, True),
    "hooks": (True, False),
    "agent": (False, True),
    "off": (False, False),
    "again": (False, False),
}


class Latprobe:
    """latprobe in this process, switched on and off between requests as if it were never there."""

    def __init__(self, home: Path, *, is_cuda: bool) -> None:
        self._home = home
        latprobe.init(service="overhead", home=home)
        self.gpu = GpuStages(Cuda(torch)) if is_cuda else None
        self._undos: list[Callable[[], None]] = []
        self._hooks, self._agent = False, True  # as latprobe.init leaves them
        self.switch("on")

    def switch(self, arm: str) -> None:
        """What a program has with `latprobe run`, without, or half of it."""
        hooks, agent = ARMS[arm]
        if hooks is not self._hooks:
            self._hooks = hooks
            self._switch_hooks()
        if agent is not self._agent:
            self._agent = agent
            self._signal_agent(signal.SIGCONT if agent else signal.SIGSTOP)

    def _switch_hooks(self) -> None:
        stages.start_recording(make_stage if self._hooks else None)
        if self.gpu is not None and self._hooks:
            self.gpu.install()
            self._undos = [
                self.gpu.remove,
                count_captures(torch, self.gpu),
                note_waits(torch, self.gpu.current_run),
            ]
        elif self.gpu is not None:
            for undo in reversed(self._undos):
                undo()

    def agent_cpu_s(self) -> float:
        """What the agent has taken of all cores so far; 0 while there is none."""
        address = read_address(self._home)
        try:
            return 0.0 if address is None else sum(psutil.Process(address.pid).cpu_times()[:2])
        except psutil.NoSuchProcess:
            return 0.0

    def _signal_agent(self, number: int) -> None:
        address = read_address(self._home)
        if address is not None:
            os.kill(address.pid, number)


def measure(
    pipeline: Pipeline, probe: Latprobe, *, seconds: float, agent_pct: dict[str, float]
) -> list[Round]:
    """A round each; `agent_pct` gets what the agent took of one core in each arm."""
    rounds: list[Round] = []
    took, spent = Counter[str](), Counter[str]()
    draw = random.Random(1)
    order = list(ARMS)
    deadline = time.perf_counter() + seconds
    try:
        while time.perf_counter() < deadline:
            draw.shuffle(order)
            found: Round = {}
            for arm in order:
                probe.switch(arm)
                start_s, start_cpu_s = time.perf_counter(), probe.agent_cpu_s()
                found[arm] = [request_ms(pipeline) for _ in range(TURN)]
                took[arm] += int((time.perf_counter() - start_s) * 1e6)
                spent[arm] += int((probe.agent_cpu_s() - start_cpu_s) * 1e6)
            rounds.append(found)
    finally:
        agent_pct |= {arm: 100.0 * spent[arm] / took[arm] for arm in ARMS if took[arm]}
        probe.switch("on")  # the agent goes on, whatever happened
    return rounds


def request_ms(pipeline: Pipeline) -> list[float]:
    """How long each stage takes, and all of them, on a card that has nothing else to do."""
    times: list[float] = []

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        start = time.perf_counter_ns()
        with latprobe.stage(name):
            yield
        times.append((time.perf_counter_ns() - start) / 1e6)

    pipeline.wait()
    pipeline.request(timed)
    return times


def ratio(rounds: list[Round], arm: str, against: str = "off", column: int = -1) -> dict[str, Any]:
    """Median of one arm over that of another, with its interval by resampling rounds."""
    draw = random.Random(2)
    pairs = [
        ([times[column] for times in one[arm]], [times[column] for times in one[against]])
        for one in rounds
    ]
    resampled = sorted(
        _ratio_of_medians(draw.choices(pairs, k=len(pairs))) for _ in range(RESAMPLES)
    )
    return {
        "p50_ratio": _ratio_of_medians(pairs),
        "ci95": [resampled[int(RESAMPLES * 0.025)], resampled[int(RESAMPLES * 0.975)]],
    }


def _ratio_of_medians(pairs: list[tuple[list[float], list[float]]]) -> float:
    first = chain.from_iterable(one for one, _ in pairs)
    second = chain.from_iterable(one for _, one in pairs)
    return statistics.median(first) / statistics.median(second)


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
    for arm in ("on", "off"):
        probe.switch(arm)
        calls[arm] = runtime_calls(pipeline, latprobe.stage)
    probe.switch("on")
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
    for _ in range(2):
        for _ in range(5):
            pipeline.request(latprobe.stage)
        latprobe.flush(20)  # the agent is up, and has imported what it needs
    agent_pct: dict[str, float] = {}
    rounds = measure(pipeline, probe, seconds=options.seconds, agent_pct=agent_pct)
    synchronisation = count_synchronisation(pipeline, probe)
    results = {
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if pipeline.is_cuda else "cpu",
        "stages_ms": durations,
        "rounds": len(rounds),
        "p50_ms": {
            arm: statistics.median(times[-1] for one in rounds for times in one[arm])
            for arm in ARMS
        },
        "agent_pct_of_a_core": agent_pct,
        "against_off": {arm: ratio(rounds, arm) for arm in ARMS if arm != "off"},
        "stages_against_off": {
            name: {arm: ratio(rounds, arm, column=at) for arm in ARMS if arm != "off"}
            for at, name in enumerate(pipeline.names)
        },
        "requests_ms": [
            {arm: [round(times[-1], 2) for times in one[arm]] for arm in ARMS} for one in rounds
        ],
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
