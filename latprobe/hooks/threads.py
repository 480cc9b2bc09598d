"""Work handed to a thread belongs to the stage that handed it over.

Python copies the context into asyncio tasks and `asyncio.to_thread`, but not into threads or
executors, where each piece of work would start a trace of its own.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace.propagation import _SPAN_KEY

from latprobe.config import Settings
from latprobe.context import carry
from latprobe.hooks import Undo
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
    """Patches ThreadPoolExecutor.submit and threading.Thread.start."""
    submit = ThreadPoolExecutor.submit
    start = threading.Thread.start

    @wraps(submit)
    def carrying_submit(self: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        if isinstance(current.get(), Stage):
            function = carry(function)
        return submit(self, function, *args, **kwargs)

    @wraps(start)
    def carrying_start(self: threading.Thread) -> None:
        context = current.get()
        if isinstance(context, Stage):
            _inherit(self, Inherited(context.copy()))
        start(self)

    ThreadPoolExecutor.submit = carrying_submit  # type: ignore[method-assign,assignment]
    threading.Thread.start = carrying_start  # type: ignore[method-assign]

    def undo() -> None:
        ThreadPoolExecutor.submit = submit  # type: ignore[method-assign]
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
