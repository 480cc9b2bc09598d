"""How long kernels run in each stage, from a Kineto trace read here and not by latprobe."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MARK = "stage:"


def measure_kernels(pipeline: Any, *, requests: int) -> dict[str, dict[str, float]]:
    """Stage to busy share (union of kernel intervals over the stage's wall time), mean kernel
    length in us, kernels and wall ms per request. Stages must wait for their work."""
    import torch

    @contextmanager
    def mark(name: str) -> Iterator[None]:
        with torch.profiler.record_function(MARK + name):
            yield

    kinds = [torch.profiler.ProfilerActivity.CPU]
    if pipeline.is_cuda:
        kinds.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=kinds) as profiler:
        for _ in range(requests):
            pipeline.request(mark)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(path))
        events = json.loads(path.read_text("utf-8"))["traceEvents"]
    return busy_shares(events, is_cuda=pipeline.is_cuda)


def busy_shares(events: list[dict[str, Any]], *, is_cuda: bool) -> dict[str, dict[str, float]]:
    """The same of a trace's events. On a CPU its operations stand for kernels."""
    kernel = "kernel" if is_cuda else "cpu_op"
    stages = [
        (e["name"][len(MARK) :], e["ts"], e["ts"] + e["dur"])
        for e in events
        if e.get("cat") == "user_annotation" and str(e.get("name")).startswith(MARK)
    ]
    kernels = sorted(
        (e["ts"], e["ts"] + e["dur"]) for e in events if e.get("cat") == kernel and "dur" in e
    )
    wall: dict[str, float] = defaultdict(float)
    busy: dict[str, float] = defaultdict(float)
    count: dict[str, int] = defaultdict(int)
    runs: dict[str, int] = defaultdict(int)
    for name, start, end in stages:
        inside = [(max(a, start), min(b, end)) for a, b in kernels if a < end and b > start]
        wall[name] += end - start
        busy[name] += _union(inside)
        count[name] += len(inside)
        runs[name] += 1
    return {
        name: {
            "busy_share": busy[name] / wall[name],
            "kernel_us": busy[name] / count[name] if count[name] else 0.0,
            "kernels": count[name] / runs[name],
            "wall_ms": wall[name] / runs[name] / 1e3,
        }
        for name in wall
    }


def _union(intervals: list[tuple[float, float]]) -> float:
    total, reached = 0.0, float("-inf")
    for start, end in intervals:
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total
