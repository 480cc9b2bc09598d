"""Streams and generators: chunk times, and whose span is current while a body is suspended.

A span must never stay current across a yield: the consumer's own spans would become its children,
and closing the generator elsewhere would reset the wrong context. So the body's current span is put
away at each yield and brought back at the next resume.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterable, AsyncIterator, Generator, Iterable, Iterator, Sequence
from itertools import chain, compress, filterfalse, islice, repeat, starmap
from operator import sub
from typing import TYPE_CHECKING, Any, Self, TypeVar

from latprobe.clock import monotonic_ns

if TYPE_CHECKING:
    from latprobe.recorder import Stage

T = TypeVar("T")

FOLD_AT = 8192
MAX_GAPS = 65_536


class ChunkTimes:
    """When the chunks of one stream came. `times` is appended to directly: 0.05 us a chunk."""

    __slots__ = ("count", "first_ns", "gaps", "times")

    def __init__(self) -> None:
        self.times: list[int] = []
        self.count = 0
        self.first_ns = 0
        self.gaps = bytearray()

    def fold(self) -> None:
        """Packs the times so far, all but the last, into two bytes a gap."""
        times = self.times
        if not times:
            return
        if not self.count:
            self.first_ns = times[0]
            self.count = 1
        self.count += len(times) - 1
        room = MAX_GAPS - len(self.gaps) // 2
        later = times[1 : room + 1]
        self.gaps += bfloat16(tuple(map(sub, later, times)))
        del times[:-1]

    def summary(self, start_ns: int) -> dict[str, Any]:
        """`chunks`, `first_chunk_ns` and `gaps` as docs/journal-format.md has them; {} if none."""
        self.fold()
        if not self.count:
            return {}
        return {
            "chunks": self.count,
            "first_chunk_ns": self.first_ns - start_ns,
            "gaps": bytes(self.gaps),
        }


def bfloat16(values: Sequence[int]) -> bytearray:
    """Two bytes a value: the upper half of its float32, little-endian; up to 0.8 % too low."""
    whole = struct.pack(f"<{len(values)}f", *values)  # half the price of an array of them
    packed = bytearray(len(whole) // 2)
    packed[0::2] = whole[2::4]
    packed[1::2] = whole[3::4]
    return packed


def timed(times: ChunkTimes, chunks: Iterable[T]) -> Iterator[T]:
    """The chunks themselves, each one's time noted before it is handed on."""
    return chain.from_iterable(_timed_blocks(times, iter(chunks)))


def _timed_blocks(times: ChunkTimes, chunks: Iterator[T]) -> Iterator[Iterable[T]]:
    """The same in blocks, so that not every chunk has to ask whether it is time to fold.

    No Python runs between two chunks: `compress` takes a chunk, then asks `noted` for its selector.
    That reads the clock and appends the time; `append` gives None, for which `filterfalse` lets the
    time pass, and a time is true.
    """
    noted = filterfalse(times.times.append, starmap(monotonic_ns, repeat(())))
    for first in chunks:
        yield compress((first,), noted)
        yield compress(islice(chunks, FOLD_AT - 1), noted)
        times.fold()


async def timed_async(times: ChunkTimes, chunks: AsyncIterable[T]) -> AsyncIterator[T]:
    """The same for an asynchronous stream."""
    moments = times.times
    note, now = moments.append, monotonic_ns
    async for chunk in chunks:
        note(now())
        yield chunk
        if len(moments) > FOLD_AT:
            times.fold()


class Drive:
    """Runs a generator's body under a stage, piece by piece. With None it does nothing."""

    __slots__ = ("_moments", "_stage")

    def __init__(self, stage: Stage | None) -> None:
        self._stage = stage
        self._moments = None if stage is None else stage.chunk_times()

    def __enter__(self) -> Self:
        if self._stage is not None:
            self._stage.start_suspended()
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if self._stage is not None:
            self._stage.finish(error)

    def resume(self) -> None:
        """The body's span becomes current."""
        if self._stage is not None:
            self._stage.resume()

    def pause(self) -> None:
        """The consumer's span becomes current again."""
        if self._stage is not None:
            self._stage.pause()

    def chunk(self) -> None:
        """Notes that an item came."""
        if self._moments is not None:
            self._moments.times.append(monotonic_ns())
            if len(self._moments.times) > FOLD_AT:
                self._moments.fold()


def drive(stage: Stage, body: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """`body` with `stage` around it; what is sent, thrown and returned passes through."""
    resume, pause = stage.resume, stage.pause
    times = stage.chunk_times()
    moments = times.times
    step, sent = body.send, None
    with Drive(stage):
        try:
            while True:
                resume()
                try:
                    item = step(sent)
                except StopIteration as stop:
                    return stop.value
                finally:
                    pause()
                moments.append(monotonic_ns())
                if len(moments) > FOLD_AT:
                    times.fold()
                step = body.send
                try:
                    sent = yield item
                except GeneratorExit:
                    raise
                except BaseException as error:
                    step, sent = body.throw, error
        finally:
            resume()  # its cleanup is still its own
            try:
                body.close()
            finally:
                pause()
