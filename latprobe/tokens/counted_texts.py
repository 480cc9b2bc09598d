"""The texts of some calls, each hashed and counted once, however many parts and calls hold it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import cache
from types import TracebackType

from latprobe.tokens.counting import TokenCounter
from latprobe.tokens.part import Part, part_hash, text_hash

# About 20 ms of a thread's time; while it waits for its turn others run for 5 ms.
_CHUNK_CHARACTERS = 1 << 18
# Beside the thread that asks, which counts, too, while it has to wait.
_THREADS = 1

# The texts of one chunk, and their encoding.
_Chunk = tuple[list[str], str]


class CountedTexts:
    """Counts in a thread what `add` names, since the tokenizer needs no interpreter lock; after
    `all_added`, `count_many` and `hash_of` look up. Who asks for what is not counted yet counts
    along. Not for several threads."""

    def __init__(self, counter: TokenCounter) -> None:
        self._counter = counter
        self._counts: dict[str, dict[str, int]] = {}
        self._hashes: dict[str, bytes] = {}
        self._named: dict[str, set[str]] = {}
        self._waiting: dict[str, list[str]] = {}
        self._sizes: dict[str, int] = {}
        self._running: deque[tuple[Future[None], _Chunk]] = deque()

    def __enter__(self) -> CountedTexts:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        wait([each for each, _ in self._running if not each.cancel()])
        self._running.clear()

    def add(self, parts: Iterable[Part], encoding: str) -> None:
        """Has the parts' texts counted."""
        named = self._named.setdefault(encoding, set())
        waiting = self._waiting.setdefault(encoding, [])
        size = self._sizes.get(encoding, 0)
        for part in parts:
            text = part.text
            if text and text not in named:
                named.add(text)
                waiting.append(text)
                size += len(text)
        self._sizes[encoding] = size
        if size >= _CHUNK_CHARACTERS:
            self._submit(encoding)

    def all_added(self) -> None:
        """Has the rest counted, too."""
        for encoding in list(self._waiting):
            self._submit(encoding)

    def count_many(self, texts: Sequence[str], encoding: str) -> list[int]:
        """The tokens of each text; those that nobody named are counted now."""
        counts = self._counts.get(encoding, {})
        named = self._named.get(encoding, set())
        while True:
            found = [counts.get(text) for text in texts]
            if None not in found:
                return found  # type: ignore[return-value]  # there is no None in it
            if not self._running or not named.issuperset(texts):
                return self._counter.count_many(texts, encoding)
            self._go_on()

    def hash_of(self, part: Part) -> bytes:
        """The part's `part_hash`."""
        text = part.text
        if text is None or part.hash is not None or part.media is not None:
            return part_hash(part)
        return self._hashes.get(text) or text_hash(text)

    def _submit(self, encoding: str) -> None:
        texts, self._waiting[encoding] = self._waiting[encoding], []
        self._sizes[encoding] = 0
        if texts:
            self._counts.setdefault(encoding, {})
            self._running.append((_pool().submit(self._count, texts, encoding), (texts, encoding)))

    def _go_on(self) -> None:
        """Counts a chunk that no thread has begun with; waits for the first where there is none.

        What cannot be counted is told by `count_many`, for its own texts.
        """
        for place, (future, chunk) in enumerate(self._running):
            if future.cancel():
                del self._running[place]
                with suppress(Exception):
                    self._count(*chunk)
                return
        self._running.popleft()[0].exception()

    def _count(self, texts: Sequence[str], encoding: str) -> None:
        hashes = [text_hash(text) for text in texts]
        self._hashes.update(zip(texts, hashes, strict=True))
        found = self._counter.count_hashed(zip(texts, hashes, strict=True), encoding)
        self._counts[encoding].update(zip(texts, found, strict=True))


@cache
def _pool() -> ThreadPoolExecutor:
    """The process's threads that count. They stay: the tokenizer's automaton is built anew, state
    by state, in each thread that it has not seen."""
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="latprobe-count")
