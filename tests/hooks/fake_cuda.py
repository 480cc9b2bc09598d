"""A GPU for tests: streams that do their work as a fake clock moves, and a torch that has it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from latprobe.gpu.cuda import Stream
from latprobe.testing import FakeClock


class Event:
    def __init__(self) -> None:
        self.time_ns: int | None = None


class FakeCuda:
    """As latprobe.gpu.cuda.Cuda. The GPU's own clock is `ahead_ns` before the host's."""

    def __init__(self, clock: FakeClock, *, ahead_ns: int = 5_000_000_000) -> None:
        self.clock = clock
        self.ahead_ns = ahead_ns
        self.current = Stream(0, "default")
        self.free_at: dict[Stream, int] = {}
        self.made: list[Event] = []
        self.has_context = True
        self.capturing = False
        self.fault: Exception | None = None
        self.memory = [1000, 1000]
        self.memory_asked = 0
        self.compiled = 0
        self.waited = 0

    def work(self, *, ms: float) -> None:
        """Puts work into the current stream; it begins when what is there is done."""
        start = max(self.clock.now_ns, self.free_at.get(self.current, 0))
        self.free_at[self.current] = start + round(ms * 1e6)

    def wait(self) -> None:
        """The program waits for its work."""
        self.clock.now_ns = max(self.clock.now_ns, self.free_at.get(self.current, 0))

    def stream(self) -> Stream | None:
        return self.current if self.has_context else None

    def new_event(self) -> Any:
        self.made.append(Event())
        return self.made[-1]

    def record(self, event: Event, stream: Stream) -> None:
        if self.fault is not None:
            raise self.fault
        event.time_ns = max(self.clock.now_ns, self.free_at.get(stream, 0)) + self.ahead_ns

    def query(self, event: Event) -> bool:
        assert not self.capturing, "asked while a graph is recorded"
        assert event.time_ns is not None
        return event.time_ns - self.ahead_ns <= self.clock.now_ns

    def elapsed_ns(self, first: Event, second: Event) -> int:
        assert self.query(first), "asked before it was done"
        assert self.query(second), "asked before it was done"
        assert first.time_ns is not None
        assert second.time_ns is not None
        return second.time_ns - first.time_ns

    def is_capturing(self) -> bool:
        return self.capturing

    def allocated(self, device: int) -> tuple[int, int] | None:
        self.memory_asked += 1
        return self.memory[0], self.memory[1]

    def device_name(self, device: int) -> str | None:
        return f"GPU-{device}"

    def compilations(self) -> int:
        return self.compiled


class Tensor:
    """A tensor on the host or the GPU, with the methods that latprobe replaces."""

    def __init__(self, cuda: FakeCuda, *, is_cuda: bool, nbytes: int = 8) -> None:
        self.gpu = cuda
        self.is_cuda = is_cuda
        self.nbytes = nbytes

    def _moved(self, *, is_cuda: bool, non_blocking: bool) -> Tensor:
        if is_cuda is not self.is_cuda and not non_blocking:
            self.gpu.clock.advance(ms=2)
        return type(self)(self.gpu, is_cuda=is_cuda, nbytes=self.nbytes)

    def to(self, device: str, non_blocking: bool = False) -> Tensor:
        """Copies: pageable memory makes the host wait."""
        return self._moved(is_cuda=device == "cuda", non_blocking=non_blocking)

    def cpu(self) -> Tensor:
        return self._moved(is_cuda=False, non_blocking=False)

    def cuda(self, device: int | None = None, non_blocking: bool = False) -> Tensor:
        return self._moved(is_cuda=True, non_blocking=non_blocking)

    def item(self) -> float:
        if self.is_cuda:
            self.gpu.clock.advance(ms=3)
        return 1.5

    def tolist(self) -> list[float]:
        return [self.item()]

    def copy_(self, other: Tensor, non_blocking: bool = False) -> Tensor:
        if other.is_cuda is not self.is_cuda and not non_blocking:
            self.gpu.clock.advance(ms=4)
        return self


def fake_torch(cuda: FakeCuda) -> Any:
    """What latprobe touches of torch, in classes of its own."""

    class Waiting:
        def synchronize(self) -> None:
            cuda.clock.advance(ms=5)

    class CUDAGraph:
        def capture_begin(self) -> None:
            cuda.capturing = True

        def capture_end(self) -> None:
            cuda.capturing = False

    def synchronize() -> None:
        cuda.clock.advance(ms=7)

    low = SimpleNamespace(_cuda_synchronize=synchronize)
    return SimpleNamespace(
        Tensor=type("Tensor", (Tensor,), {}),
        compiler=SimpleNamespace(is_compiling=lambda: False),
        cuda=SimpleNamespace(
            Stream=type("Stream", (Waiting,), {}),
            Event=type("Event", (Waiting,), {}),
            CUDAGraph=CUDAGraph,
            synchronize=lambda: low._cuda_synchronize(),
            is_initialized=lambda: True,
        ),
        _C=low,
    )
