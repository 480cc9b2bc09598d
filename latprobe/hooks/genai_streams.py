"""The times of a model's chunks, from every official genai instrumentation at once.

opentelemetry-util-genai sees each chunk of a stream, and keeps the gaps between them for metrics
only; here they go to the span as well.
"""

from __future__ import annotations

from functools import wraps
from types import ModuleType
from typing import Any

from latprobe.clock import monotonic_ns
from latprobe.config import Settings
from latprobe.hooks import Undo
from latprobe.hooks.on_import import when_imported
from latprobe.recorder import Stage

MODULE = "opentelemetry.util.genai._invocation"
# 1.3b0's name for what it calls with each chunk. Without it streams keep their first chunk's time.
METHOD = "_on_stream_chunk"


def instrument(settings: Settings) -> Undo:
    """Patches the base class of all invocations once the package is imported."""
    undos: list[Undo] = []

    def imported(module: ModuleType) -> None:
        base = getattr(module, "GenAIInvocation", None)
        if base is not None and METHOD in vars(base):
            undos.append(_patch(base))

    undos.append(when_imported(MODULE.__eq__, imported))

    def undo() -> None:
        for one in reversed(undos):
            one()

    return undo


def _patch(base: Any) -> Undo:
    original = getattr(base, METHOD)

    @wraps(original)
    def noting(self: Any, *args: Any, **kwargs: Any) -> Any:
        span = getattr(self, "span", None)
        # A call inside another instrumentation's call shares its span and sees the chunks too.
        if getattr(self, "_start_span", True) and isinstance(span, Stage):
            span.chunk_times().times.append(monotonic_ns())
        return original(self, *args, **kwargs)

    setattr(base, METHOD, noting)

    def undo() -> None:
        setattr(base, METHOD, original)

    return undo
