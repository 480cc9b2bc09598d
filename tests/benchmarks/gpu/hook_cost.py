"""What the torch hook takes of the program's own thread, without a GPU: calls and CPU time.

    python -m tests.benchmarks.gpu.hook_cost [--requests 400]

Requests of the shape that overhead.py measures on a card (a root and six stages, three copies, 260
`.item()`, one `.cpu()`) on a stand-in for CUDA whose calls do nothing: so what is measured is
latprobe's own Python. With the hook, with stages alone, and with neither, in turns; the median of
thread CPU time of each. The calls of CUDA that the hook makes are counted, as on a card they cost
0.2-5 us each.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import latprobe
from latprobe import stages
from latprobe.gpu.cuda import Stream
from latprobe.gpu.stages import GpuStages
from latprobe.gpu.waits import note_waits
from latprobe.recorder import make_stage

ITEMS = 260
TURN = 20


class Cuda:
    """As latprobe.gpu.cuda.Cuda: nothing is ever busy, and calls are counted."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self._stream = Stream(0, object())

    def stream(self) -> Stream:
        self.calls["stream"] += 1
        return self._stream

    def new_event(self) -> list[int]:
        return [0]

    def record(self, event: list[int], stream: Stream) -> None:
        self.calls["record"] += 1
        event[0] = time.monotonic_ns()

    def query(self, event: list[int]) -> bool:
        self.calls["query"] += 1
        return True

    def elapsed_ns(self, first: list[int], second: list[int]) -> int:
        self.calls["elapsed"] += 1
        return second[0] - first[0] + 2_000_000  # over the length of stages that rest

    def is_capturing(self) -> bool:
        self.calls["is_capturing"] += 1
        return False

    def allocated(self, device: int) -> tuple[int, int]:
        self.calls["memory_stats"] += 1
        return 0, 0

    def device_name(self, device: int) -> str:
        return "GPU-0"

    def compilations(self) -> int:
        return 0


class Tensor:
    """With the methods that are replaced; each does nothing."""

    def __init__(self, *, is_cuda: bool) -> None:
        self.is_cuda = is_cuda
        self.nbytes = 8

    def to(self, where: str, copy: bool = False) -> Tensor:
        return ON_CARD

    def cpu(self) -> Tensor:
        return ON_HOST

    def cuda(self) -> Tensor:
        return ON_CARD

    def item(self) -> int:
        return 1

    def tolist(self) -> list[int]:
        return [1]

    def copy_(self, other: Tensor) -> Tensor:
        return self


ON_CARD, ON_HOST = Tensor(is_cuda=True), Tensor(is_cuda=False)


class Torch:
    """What `note_waits` touches."""

    class _Synchronizing:
        def synchronize(self) -> None:
            pass

    class compiler:  # noqa: N801 (torch's name)
        @staticmethod
        def is_compiling() -> bool:
            return False

    class cuda:  # noqa: N801
        pass

    class _C:
        @staticmethod
        def _cuda_synchronize() -> None:
            pass

    Tensor = Tensor


Torch.cuda.Stream = type("Stream", (Torch._Synchronizing,), {})  # type: ignore[attr-defined]
Torch.cuda.Event = type("Event", (Torch._Synchronizing,), {})  # type: ignore[attr-defined]


def request(stage: Callable[[str], AbstractContextManager[Any]]) -> None:
    """One request of the pipeline's shape, without any work."""
    with stage("request"):
        with stage("data.decode"):
            pass
        with stage("to_gpu"):
            for _ in range(3):
                ON_HOST.to("cuda", copy=True)
        for name in ("encode", "scan"):
            with stage(name):
                pass
        with stage("decode_loop"):
            for _ in range(ITEMS):
                ON_CARD.item()
        with stage("embed"):
            ON_CARD.cpu()


def cpu_us(stage: Callable[[str], AbstractContextManager[Any]], count: int) -> list[float]:
    """Thread CPU time of each request."""
    found = []
    for _ in range(count):
        start = time.thread_time_ns()
        request(stage)
        found.append((time.thread_time_ns() - start) / 1e3)
    return found


def main() -> None:
    """Prints the medians and the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=400)
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="latprobe-hook-"))
    latprobe.init(service="hook", home=home, agent=False)
    cuda = Cuda()
    gpu = GpuStages(cuda)  # type: ignore[arg-type]
    found: dict[str, list[float]] = {"neither": [], "stages": [], "hook": []}
    for turn in range(max(options.requests // TURN, 2)):
        stages.start_recording(None)
        found["neither"] += cpu_us(nullcontext, TURN)
        stages.start_recording(make_stage)
        found["stages"] += cpu_us(latprobe.stage, TURN)
        gpu.install()
        undo = note_waits(Torch, gpu.current_run)
        if turn == 1:  # past the first runs, which ask the allocator
            cuda.calls.clear()
        found["hook"] += cpu_us(latprobe.stage, TURN)
        undo()
        gpu.remove()
    counted = TURN * (max(options.requests // TURN, 2) - 1)
    for name, times in found.items():
        print(f"{name:8} {statistics.median(times[TURN:]):7.1f} us a request")
    print("calls a request: " + ", ".join(f"{n} {c / counted:.2f}" for n, c in cuda.calls.items()))


if __name__ == "__main__":
    main()
