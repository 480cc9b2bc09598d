"""PyTorch on a GPU: event pairs around stages, waits and copies inside them, sampled kernels.

Nothing is changed until the program has really initialised CUDA; a program that only imports torch
pays nothing. `latprobe.gpu` has the parts.
"""

from __future__ import annotations

import atexit
import os
import sys
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from latprobe import guard
from latprobe.config import Settings
from latprobe.hooks import Undo
from latprobe.hooks.on_import import when_imported

if TYPE_CHECKING:
    from latprobe.gpu.stages import GpuStages

# The hook as it is switched on now; None before CUDA is initialised. Latprobe.torch asks it.
active: GpuStages | None = None
# Whether it is switched on at all.
is_on = False
# One request in so many has its kernels recorded; None: none.
kernels_every: int | None = None

_folder: Path | None = None
_sampler_undo: Undo | None = None
_fork_known = False


def instrument(settings: Settings) -> Undo:
    """Waits for `torch.cuda`, then for its initialisation."""
    global _folder, is_on
    is_on = True
    _folder = settings.home / "profiles"
    if settings.kernels:
        sample_kernels(max(round(1 / settings.kernels), 1))
    undos: list[Undo] = []

    def imported(module: ModuleType) -> None:
        undos.append(_when_initialised(module, undos))

    stop = when_imported("torch.cuda".__eq__, imported)

    def undo() -> None:
        global is_on
        is_on = False
        stop()
        sample_kernels(None)
        while undos:
            undos.pop()()

    return undo


def sample_kernels(every: int | None) -> None:
    """From now on one request in `every` has its kernels recorded, from CUDA's initialisation on;
    None: none."""
    global kernels_every
    kernels_every = every
    if active is not None:
        _apply_sampling(active)


def _when_initialised(cuda: Any, undos: list[Undo]) -> Undo:
    """Acts when CUDA is up: now, or right after the call that brings it up."""
    if cuda.is_initialized():
        undos.append(_came_up())
        return lambda: None
    original = cuda._lazy_init

    @wraps(original)
    def lazy_init() -> None:
        original()
        if cuda.is_initialized() and cuda._lazy_init is lazy_init:
            cuda._lazy_init = original
            try:
                undos.append(_came_up())
            except Exception as fault:  # an unusual torch: it does without events
                guard.report("GPU stages", fault)

    cuda._lazy_init = lazy_init

    def undo() -> None:
        if cuda._lazy_init is lazy_init:
            cuda._lazy_init = original

    return undo


def _came_up() -> Undo:
    """Replaces the methods of Stage and torch's waits and copies."""
    global active
    from latprobe.gpu.captures import count_captures
    from latprobe.gpu.cuda import Cuda
    from latprobe.gpu.stages import GpuStages
    from latprobe.gpu.waits import note_waits

    torch = sys.modules["torch"]
    stages = GpuStages(Cuda(torch))
    undos = [count_captures(torch, stages), note_waits(torch, stages.current_run)]
    stages.install()
    active = stages
    _know_forks()
    _apply_sampling(stages)
    atexit.register(stages.close)

    def undo() -> None:
        global active
        _stop_sampling()
        for one in reversed(undos):
            one()
        stages.close()
        stages.remove()
        atexit.unregister(stages.close)
        active = None

    return undo


def _apply_sampling(stages: GpuStages) -> None:
    global _sampler_undo
    _stop_sampling()
    if kernels_every is None or _folder is None:
        return
    from latprobe.gpu.kernel_sampling import KernelSampler, make_way_for_users

    torch = sys.modules["torch"]
    sampler = KernelSampler(torch, _folder, stages.pairs.add_late, every=kernels_every)
    way = make_way_for_users(torch, sampler)
    stages.sampler = sampler

    def undo() -> None:
        stages.sampler = None
        sampler.yield_to_user()
        way()

    _sampler_undo = undo


def _stop_sampling() -> None:
    global _sampler_undo
    if _sampler_undo is not None:
        _sampler_undo()
        _sampler_undo = None


def _know_forks() -> None:
    global _fork_known
    if not _fork_known and hasattr(os, "register_at_fork"):
        _fork_known = True
        os.register_at_fork(after_in_child=_after_fork)


def _after_fork() -> None:
    """CUDA cannot be used in a forked child."""
    global active, _sampler_undo
    if active is not None:
        active.forget()
        active.sampler = None
        active = _sampler_undo = None
