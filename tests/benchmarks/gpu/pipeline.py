"""The pipeline that the GPU measurements run: six stages of 2-300 ms, each bound by something else.

Calibrated at start so that the durations fit the card. Nothing of latprobe in here:
`request(stage)` takes what opens a stage, `latprobe.stage` or something that does nothing.

    from tests.benchmarks.gpu.pipeline import Pipeline
    pipeline = Pipeline("cuda")
    pipeline.calibrate()
    pipeline.request(latprobe.stage)       # one request: every stage, under a root stage "request"
    pipeline.run("encode")                 # one stage's work alone, not waited for
    pipeline.wait()                        # until the device is idle
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """A stage: what bounds it and how long it shall take from its start to the end of its work."""

    name: str
    bound: str  # host | transfer | compute | memory | launch | small
    target_ms: float


PLANS = (
    Plan("data.decode", "host", 20.0),
    Plan("to_gpu", "transfer", 8.0),
    Plan("encode", "compute", 40.0),
    Plan("scan", "memory", 30.0),
    Plan("decode_loop", "launch", 200.0),
    Plan("embed", "small", 4.0),
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Lengths of the tensors, in elements of one side or as named."""

    image_bytes: int = 2 << 20
    chunk_elements: int = 8 << 20  # float32: 32 MiB a copy
    matmul: int = 4096
    scan_elements: int = 128 << 20  # float32: 512 MiB read and written
    token: int = 256
    embed: int = 1024


SMALL = Sizes(256 << 10, 1 << 18, 128, 1 << 18, 32, 64)


class Pipeline:
    """The stages and their data. `repeats[name]` is what `calibrate` found.

    `waits` makes every stage end with a wait for its work, as a stage that hands its result to the
    CPU does; without it only `decode_loop` (a token at a time) and `embed` (its result) wait.
    `is_pinned` has to_gpu copy from pinned memory, without waiting.
    """

    def __init__(
        self,
        device: str = "cuda",
        *,
        waits: bool = False,
        is_pinned: bool = False,
        plans: tuple[Plan, ...] = PLANS,
        sizes: Sizes | None = None,
    ) -> None:
        self.device = torch.device(device)
        self.is_cuda = self.device.type == "cuda"
        self.waits = waits
        self.plans = plans
        self.names = tuple(plan.name for plan in plans)
        self.repeats = dict.fromkeys(self.names, 1)
        self._work: dict[str, Callable[[int], None]] = {
            "data.decode": self._decode,
            "to_gpu": self._to_gpu,
            "encode": self._encode,
            "scan": self._scan,
            "decode_loop": self._decode_loop,
            "embed": self._embed,
        }
        self._allocate(sizes or (Sizes() if self.is_cuda else SMALL), is_pinned=is_pinned)

    def _allocate(self, sizes: Sizes, *, is_pinned: bool) -> None:
        torch.manual_seed(1)
        half = torch.bfloat16 if self.is_cuda else torch.float32
        noise = np.random.default_rng(1).integers(0, 32, sizes.image_bytes, dtype=np.uint8)
        self.blob = zlib.compress(noise.tobytes(), 1)
        self.chunk = torch.ones(sizes.chunk_elements)
        if is_pinned:
            self.chunk = self.chunk.pin_memory()
        self.is_pinned = is_pinned
        self.on_device = torch.empty_like(self.chunk, device=self.device, pin_memory=False)
        side = sizes.matmul
        self.weights = torch.randn(side, side, device=self.device, dtype=half) / side**0.5
        self.tokens = torch.randn(side, side, device=self.device, dtype=half)
        self.encoded = torch.empty_like(self.tokens)
        self.source = torch.ones(sizes.scan_elements, device=self.device)
        self.scanned = torch.empty_like(self.source)
        self.cell = torch.randn(sizes.token, sizes.token, device=self.device, dtype=half) / 16
        self.token = torch.randn(1, sizes.token, device=self.device, dtype=half)
        self.table = torch.randn(sizes.embed, sizes.embed, device=self.device, dtype=half) / 32
        self.texts = torch.randn(sizes.embed, sizes.embed, device=self.device, dtype=half)

    # -- the stages' work, `repeats` times over ------------------------------------------------

    def _decode(self, repeats: int) -> None:
        for _ in range(repeats):
            pixels = np.frombuffer(zlib.decompress(self.blob), np.uint8)
            (pixels.astype(np.float32) / 255.0).mean()

    def _to_gpu(self, repeats: int) -> None:
        for _ in range(repeats):
            self.on_device = self.chunk.to(self.device, non_blocking=self.is_pinned, copy=True)

    def _encode(self, repeats: int) -> None:
        for _ in range(repeats):
            torch.matmul(self.tokens, self.weights, out=self.encoded)

    def _scan(self, repeats: int) -> None:
        for _ in range(repeats):
            torch.add(self.source, 1.0, out=self.scanned)

    def _decode_loop(self, repeats: int) -> None:
        for _ in range(repeats):
            state = self.token
            for _ in range(25):
                state = torch.tanh(state @ self.cell) + self.token
            state.argmax().item()  # the next token

    def _embed(self, repeats: int) -> None:
        vectors = self.texts
        for _ in range(repeats):
            vectors = torch.nn.functional.layer_norm(vectors @ self.table, vectors.shape[-1:])
        vectors.mean(0).cpu()

    # -- running --------------------------------------------------------------------------------

    def run(self, name: str) -> None:
        """One stage's work. Waits for it only if the stage does."""
        self._work[name](self.repeats[name])
        if self.waits:
            self.wait()

    def wait(self) -> None:
        """Until the device has done everything."""
        if self.is_cuda:
            torch.cuda.synchronize(self.device)

    def request(self, stage: Callable[..., AbstractContextManager[Any]] = nullcontext) -> None:
        """One request: every stage once, inside a root stage. Its last stage waits for its result.

        With `contextlib.nullcontext` for `stage` nothing is recorded.
        """
        with stage("request"):
            for name in self.names:
                with stage(name):
                    self.run(name)

    def duration_ms(self, name: str) -> float:
        """From the start of the stage on an idle device to the end of its work; median of a few."""
        found = []
        for _ in range(ROUNDS):
            self.wait()
            start = time.perf_counter_ns()
            self.run(name)
            self.wait()
            found.append((time.perf_counter_ns() - start) / 1e6)
        return sorted(found)[ROUNDS // 2]

    def calibrate(self) -> dict[str, float]:
        """Sets `repeats` so that durations are near the targets; returns the durations in ms."""
        for plan in self.plans:
            self.run(plan.name)  # lazy loading, cuBLAS and so on
            for _ in range(3):
                scale = plan.target_ms / max(self.duration_ms(plan.name), 1e-3)
                repeats = round(self.repeats[plan.name] * min(scale, 50.0))
                self.repeats[plan.name] = max(repeats, 1)
        return {plan.name: self.duration_ms(plan.name) for plan in self.plans}


def on_any_device(device: str | None = None, **options: Any) -> Pipeline:
    """The pipeline on `device`, by default the GPU if there is one; on a CPU small and short."""
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if device.startswith("cuda"):
        return Pipeline(device, **options)
    plans = tuple(Plan(plan.name, plan.bound, min(plan.target_ms, 5.0)) for plan in PLANS)
    return Pipeline(device, plans=plans, **options)
