"""Work handed to a thread belongs to the stage that handed it over.

Python copies the context into asyncio tasks and `asyncio.to_thread`, but not into threads or
executors, where each piece of work would start a trace of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace.propagation import _SPAN_KEY

from latprobe.config import Settings
from latprobe.hooks import Undo
from latprobe.hooks.on_import import when_imported
from latprobe.recorder import OPEN, Stage, current


class Inherited(Context):
    """A new thread's context: the span that started it, for as long as that span is open.

    A worker thread outlives the request that happened to start it; what it does later is not that
    request's.
    """

    def get(self, key: str, default: Any = None) -> Any:
        """The context's value; no span once that has ended."""
        found = super().get(key, default)
        if key == _SPAN_KEY and isinstance(found, Stage) and found._duration != OPEN:
            return default
        return found


def instrument(settings: Settings) -> Undo:
    """Patches threading.Thread.start, and ThreadPoolExecutor.submit once that is imported."""
    undos = [_patch_thread()]

    def executor_imported(module: ModuleType) -> None:
        undos.append(_patch_executor(module.ThreadPoolExecutor))

    undos.append(when_imported("concurrent.futures.thread".__eq__, executor_imported))

    def undo() -> None:
        for one in reversed(undos):
            one()

    return undo


def _patch_executor(executor: Any) -> Callable[[], None]:
    submit = executor.submit

    @wraps(submit)
    def carrying_submit(self: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        context = current.get()
        if isinstance(context, Stage):
            function = _under(context, function)
        return submit(self, function, *args, **kwargs)

    executor.submit = carrying_submit

    def undo() -> None:
        executor.submit = submit

    return undo


def _under(context: Stage, function: Any) -> Any:
    """`function` with that stage current, and everything else as the worker thread has it.

    Not `contextvars.copy_context`: that would hide what the pool's initializer has set.
    """

    @wraps(function, updated=())
    def call(*args: Any, **kwargs: Any) -> Any:
        before = current.get()
        current.set(context)
        try:
            return function(*args, **kwargs)
        finally:
            current.set(before)

    return call


def _patch_thread() -> Callable[[], None]:
    start = threading.Thread.start

    @wraps(start)
    def carrying_start(self: threading.Thread) -> None:
        context = current.get()
        if isinstance(context, Stage):
            _inherit(self, Inherited(context.copy()))
        start(self)

    threading.Thread.start = carrying_start  # type: ignore[method-assign]

    def undo() -> None:
        threading.Thread.start = start  # type: ignore[method-assign]

    return undo


def _inherit(thread: threading.Thread, context: Inherited) -> None:
    run = thread.run

    def run_inherited() -> None:
        # Thread drops its target after running, to leave no cycle; so does this.
        vars(thread).pop("run", None)
        current.set(context)
        run()

    vars(thread)["run"] = run_inherited
