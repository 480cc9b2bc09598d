"""Holds what latprobe says of each stage's use of the GPU against that stage measured alone.

    python -m tests.benchmarks.gpu.attribution --out attribution.json [--export FOLDER] [--dry]

The pipeline of `pipeline.py` runs with the agent reading the card and event pairs around stages, as
with `latprobe run`, once with stages that wait for their work and once with stages that do not;
repeats vary by 20 % from request to request, as inputs do. Truth: each stage in a loop of its own,
with the hardware counters read directly, before and after; the same with pauses, in which the card
is not throttled; and Kineto for the share of time in which kernels run. --export writes all of what
was recorded. With --dry everything runs on the CPU with a made-up card.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import latprobe
from latprobe.hooks import torch_cuda
from tests.benchmarks.gpu.alone import measure_alone, measure_paced
from tests.benchmarks.gpu.card import Card, MadeUpCard
from tests.benchmarks.gpu.counter_clock import watch_clock
from tests.benchmarks.gpu.kineto_truth import measure_kernels
from tests.benchmarks.gpu.own_readings import OwnReadings
from tests.benchmarks.gpu.pipeline import Pipeline, on_any_device
from tests.benchmarks.gpu.recorded import Recorded, compare, print_table

SPREAD = 0.2


def main() -> int:
    options = _options()
    failures: dict[str, str] = {}
    results: dict[str, Any] = {"failures": failures, "torch": torch.__version__}

    def step(name: str, work: Callable[[], Any]) -> Any:
        """Its result; a fault is noted and the rest still runs."""
        began = time.perf_counter()
        try:
            results[name] = work()
        except Exception:
            failures[name] = traceback.format_exc()
            print(f"{name} FAILED\n{failures[name]}", file=sys.stderr, flush=True)
        print(f"{name}: {time.perf_counter() - began:.1f} s", file=sys.stderr, flush=True)
        options.out.write_text(json.dumps(results, indent=1, default=str), "utf-8")
        return results.get(name)

    home = options.home or Path(tempfile.mkdtemp(prefix="latprobe-gpu-"))
    settings = latprobe.init(service="gpu-pipeline", home=home, agent=not options.dry)
    torch_cuda.instrument(settings)
    pipeline = on_any_device("cpu" if options.dry else "cuda", waits=True)
    card = _made_up(pipeline) if options.dry else Card()
    results["card"] = card.name
    step("calibrated_ms", pipeline.calibrate)
    step("alone_before", lambda: measure_alone(pipeline, card, seconds=options.alone_s))
    with OwnReadings(card) as own:
        for label, waits, count in (
            ("waiting", True, options.requests),
            ("not_waiting", False, options.requests * 9 // 10),
        ):
            pipeline.waits = waits
            step(label, lambda: {"times_ns": _run(pipeline, count)})  # noqa: B023
        pipeline.waits = True
        step("clock", lambda: watch_clock(pipeline, card, seconds=options.alone_s * 2))
        step("profiled", lambda: {"times_ns": _profiled(pipeline, options.profiled)})
    latprobe.shutdown()
    step("kineto", lambda: measure_kernels(pipeline, requests=min(options.requests, 10)))
    step("alone_after", lambda: measure_alone(pipeline, card, seconds=options.alone_s * 0.75))
    step("paced", lambda: measure_paced(pipeline, card, seconds=options.alone_s * 2))
    with Recorded(home, own.rows, has_agent=not options.dry) as store:
        results["readings"] = store.readings
        if options.export:
            step("exported", lambda: store.export(options.export))
        for label in ("waiting", "not_waiting"):
            step(f"{label}_compared", lambda: compare(results, label, store))  # noqa: B023
    print_table(results)
    return 1 if failures else 0


def _run(pipeline: Pipeline, requests: int) -> list[int]:
    """From and to, wall clock. Every request varies each stage's repeats."""
    usual, chance = dict(pipeline.repeats), random.Random(5)
    began = time.time_ns()
    for _ in range(requests):
        for name, count in usual.items():
            pipeline.repeats[name] = max(round(count * chance.lognormvariate(0, SPREAD)), 1)
        pipeline.request(latprobe.stage)
        pipeline.wait()
    pipeline.repeats.update(usual)
    return [began, time.time_ns()]


def _profiled(pipeline: Pipeline, requests: int) -> list[int]:
    import latprobe.torch

    undo = latprobe.torch.profile(every=4)
    try:
        return _run(pipeline, requests)
    finally:
        undo()


def _made_up(pipeline: Pipeline) -> MadeUpCard:
    card, run = MadeUpCard(), pipeline.run

    def noted(name: str) -> None:
        card.active(name)
        try:
            run(name)
        finally:
            card.active("")

    pipeline.run = noted  # type: ignore[method-assign]
    return card


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("attribution.json"))
    parser.add_argument("--export", type=Path, help="a new folder for the recorded requests")
    parser.add_argument("--home", type=Path, help="the store; a temporary one by default")
    parser.add_argument("--requests", type=int, default=240)
    parser.add_argument("--profiled", type=int, default=40, help="requests, every 4th profiled")
    parser.add_argument("--alone-s", type=float, default=3.0, help="of each stage")
    parser.add_argument("--dry", action="store_true", help="on the CPU, with a made-up card")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
