"""CUDA graphs being recorded: while one is, asking any event would make its recording invalid."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from latprobe.hooks import Undo

if TYPE_CHECKING:
    from latprobe.gpu.stages import GpuStages


def count_captures(torch: Any, stages: GpuStages) -> Undo:
    """Keeps `stages.captures` in step with torch's graph recordings, of any thread."""
    graph = torch.cuda.CUDAGraph
    begin, end = graph.capture_begin, graph.capture_end

    @wraps(begin)
    def capture_begin(self: Any, *args: Any, **kwargs: Any) -> Any:
        stages.captures += 1
        try:
            return begin(self, *args, **kwargs)
        except BaseException:  # it was never begun
            stages.captures -= 1
            raise

    @wraps(end)
    def capture_end(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return end(self, *args, **kwargs)
        finally:
            stages.captures = max(stages.captures - 1, 0)

    graph.capture_begin, graph.capture_end = capture_begin, capture_end

    def undo() -> None:
        if graph.capture_begin is capture_begin and graph.capture_end is capture_end:
            graph.capture_begin, graph.capture_end = begin, end

    return undo
