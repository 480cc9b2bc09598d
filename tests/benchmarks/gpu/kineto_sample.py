"""Records one small Kineto trace on a GPU, for the tests of what reads them.

    PYTHONPATH=. python3 tests/benchmarks/gpu/kineto_sample.py --out tests/store/kineto_h200.json.gz

Two stages (matmuls; tiny kernels with an .item() each, and a copy back) under a root, with the
marks that latprobe makes. Beside the trace, under "latprobe", stands what the test needs: the
spans, and how the clocks were apart.
"""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
import threading
from pathlib import Path
from typing import Any

import torch

from latprobe.clock import clock_pair, monotonic_ns
from latprobe.gpu.kernel_sampling import INSTANT


def work(spans: list[dict[str, Any]]) -> None:
    """The request: notes each stage's name and times."""
    side = torch.randn(1024, 1024, device="cuda", dtype=torch.bfloat16)
    cell = torch.randn(64, 64, device="cuda")
    torch.cuda.synchronize()
    request = monotonic_ns()
    start = request
    for _ in range(4):
        side = side @ side
    spans.append({"name": "encode", "start_ns": start, "end_ns": monotonic_ns()})
    start = monotonic_ns()
    for _ in range(5):
        for _ in range(4):
            cell = torch.tanh(cell)
        cell.sum().item()
    cell.cpu()
    spans.append({"name": "decode_loop", "start_ns": start, "end_ns": monotonic_ns()})
    spans.append({"name": "request", "start_ns": request, "end_ns": monotonic_ns()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    work([])  # loads what is loaded at first use
    profiler = torch.profiler
    kinds = [profiler.ProfilerActivity.CPU, profiler.ProfilerActivity.CUDA]
    with profiler.profile(activities=kinds):
        work([])
    spans: list[dict[str, Any]] = []
    with profiler.profile(activities=kinds) as profile:
        for _ in range(2):
            with profiler.record_function(f"{INSTANT}{monotonic_ns()}"):
                pass
        work(spans)
    wall_ns, mono_ns = clock_pair()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profile.export_chrome_trace(str(path))
        document = json.loads(path.read_text("utf-8"))
    document["latprobe"] = {
        "spans": spans,
        "clock_offset_ns": wall_ns - mono_ns,
        "threads": {str(t.native_id): t.name for t in threading.enumerate()},
        "torch": torch.__version__,
    }
    packed = gzip.compress(json.dumps(document).encode(), 9, mtime=0)
    arguments.out.write_bytes(packed)
    print(f"{arguments.out}: {len(packed)} bytes, {len(document['traceEvents'])} events")


if __name__ == "__main__":
    main()
