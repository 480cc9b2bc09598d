"""PyTorch, by hand: stages for a model's modules, and the kernels of some requests.

    import latprobe.torch

    latprobe.torch.watch(model, depth=2)
    latprobe.torch.profile(every=50)

What needs no word of yours (GPU times of stages, waits, copies) is recorded by itself.
"""

from __future__ import annotations

import re
import sys
import threading
from typing import Any, NamedTuple

from latprobe import recording
from latprobe.errors import UsageError
from latprobe.hooks import Undo, torch_cuda
from latprobe.stages import AnyStage, is_recording, stage

__all__ = ["profile", "watch"]

_INDEX = re.compile(r"(?<=\.)\d+(?=\.|$)")


def profile(*, every: int = 50) -> Undo:
    """Records every kernel of one request in `every`, from when CUDA is in use.

    A request is an outermost stage. A sampled one takes longer (the cost is noted), the others pay
    nothing. While the program uses torch.profiler itself none is sampled. Gives back what ends it.
    Raises UsageError for less than 1.
    """
    if every < 1:
        raise UsageError(f"profile(every={every}): write 1 or more.")
    settings = recording._settings
    if settings is not None and not torch_cuda.is_on:  # init() alone switches no hook on
        torch_cuda.instrument(settings)
    torch_cuda.sample_kernels(every)
    return lambda: torch_cuda.sample_kernels(None)


def watch(model: Any, *, depth: int = 2, name: str | None = None) -> Undo:
    """Makes each call of `model` and of the modules in it, `depth` levels deep, a stage.

    They are called after the model's class (or `name`) and the module's path in it, repeated
    layers with * for their number. Modules inside torch.compile'd code are not seen. Gives back
    what takes the hooks off again. Raises UsageError for what is no torch module.
    """
    if not hasattr(model, "register_forward_pre_hook") or depth < 0:
        raise UsageError("watch() takes a torch.nn.Module, and a depth of 0 or more.")
    title = name or type(model).__name__
    calls = _Calls()
    handles = []
    for path, module in model.named_modules():
        if path.count(".") + bool(path) > depth:
            continue
        stage_name = _INDEX.sub("*", f"{title}.{path}") if path else title
        handles.append(module.register_forward_pre_hook(calls.begin(stage_name)))
        handles.append(module.register_forward_hook(calls.end(), always_call=True))

    def undo() -> None:
        for handle in handles:
            handle.remove()

    return undo


class _Call(NamedTuple):
    """`handled` is the exception that the caller was handling when it called, None without one."""

    module: Any
    stage: AnyStage
    handled: BaseException | None


class _Calls(threading.local):
    """Calls of watched modules that go on, of this thread, the innermost last."""

    def __init__(self) -> None:
        self.open: list[_Call] = []

    def begin(self, stage_name: str) -> Any:
        """A hook that opens the stage."""
        is_compiling = _is_compiling()

        def opened(module: Any, args: Any) -> None:
            if is_compiling() or not is_recording():
                return
            opened_stage = stage(stage_name)
            opened_stage.__enter__()
            self.open.append(_Call(module, opened_stage, sys.exc_info()[1]))

        return opened

    def end(self) -> Any:
        """A hook that closes it, after a fault of the module's too."""
        is_compiling = _is_compiling()

        def closed(module: Any, args: Any, result: Any) -> None:
            if is_compiling() or not any(call.module is module for call in self.open):
                return
            while True:
                call = self.open.pop()
                kind, error, traceback = sys.exc_info()
                if error is call.handled:
                    kind = error = traceback = None
                call.stage.__exit__(kind, error, traceback)
                if call.module is module:
                    return

        return closed


def _is_compiling() -> Any:
    import torch

    return torch.compiler.is_compiling
