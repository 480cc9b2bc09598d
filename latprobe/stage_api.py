"""What a person calls on a stage inside its `with`."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Any, ParamSpec, Self, TypeVar, cast

from latprobe.clock import monotonic_ns
from latprobe.span_api import SpanApi
from latprobe.stages import staged
from latprobe.streams import ChunkTimes, timed, timed_async

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class StageApi(SpanApi):
    """`set`, `event`, `stream`, and the stage as a decorator."""

    __slots__ = ()

    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]:
        name, modality = (
            self.journal_key[:2]
            if isinstance(self.journal_key, tuple)
            else (self.journal_key, None)
        )
        return staged(function, cast("str", name), modality, self._attributes or {})

    def set(self, **attributes: Any) -> Self:
        """Adds attributes; later values win."""
        if self._attributes is None:
            self._attributes = attributes
        else:
            self._attributes.update(attributes)
        return self

    def event(self, name: str, /, **attributes: Any) -> Self:
        """Notes something that happened now."""
        more = self._note()
        offset = monotonic_ns() - self._start
        more.setdefault("events", []).append((name, offset, attributes or None))
        return self

    def stream(self, chunks: Iterable[T], /) -> Iterator[T]:
        """The chunks, with the first one's time and the gaps between them recorded."""
        return timed(self.chunk_times(), chunks)

    def astream(self, chunks: AsyncIterable[T], /) -> AsyncIterator[T]:
        """The same for an asynchronous stream."""
        return timed_async(self.chunk_times(), chunks)

    def chunk_times(self) -> ChunkTimes:
        """Where chunks of this stage's stream note their times."""
        more = self._note()
        return cast("ChunkTimes", more.setdefault("chunk_times", ChunkTimes()))
