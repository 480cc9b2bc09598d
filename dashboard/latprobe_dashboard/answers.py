"""Answers to the pages' questions: each is worked out once, also when two ask at the same time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Generic, TypeVar

T = TypeVar("T")

# What one page asks beside its first question.
AHEAD = 4
REST_S = 10.0


class Answers:
    """The latest `size` answers by their questions. Thread-safe. A failure is not kept."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[Hashable, Future[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, question: Hashable, work: Callable[[], T]) -> T:
        """The answer; `work` is done here unless somebody has done it or is at it."""
        with self._lock:
            known = self._kept.get(question)
            if known is None:
                own: Future[T] = Future()
                self._kept[question] = own
                while len(self._kept) > self._size:
                    self._kept.popitem(last=False)
            else:
                self._kept.move_to_end(question)
        if known is not None:
            answer: T = known.result()
            return answer
        try:
            own.set_result(work())
        except BaseException as error:
            with self._lock:
                if self._kept.get(question) is own:
                    del self._kept[question]
            own.set_exception(error)
            raise
        return own.result()

    def is_there(self, question: Hashable) -> bool:
        """Whether `get` would return at once."""
        with self._lock:
            known = self._kept.get(question)
        return known is not None and known.done()

    def is_working(self) -> bool:
        """Whether any answer is being worked out."""
        with self._lock:
            return any(not each.done() for each in self._kept.values())


class Growing(Generic[T]):
    """The newest state of something that grows with the store, each made from the one before.

    Thread-safe; a state is worked out once. `read` makes the first one of a store, `follow` one
    from an earlier one.
    """

    def __init__(self, read: Callable[[], T], follow: Callable[[T], T]) -> None:
        self._read, self._follow = read, follow
        self._answers = Answers(1)
        self._last: tuple[Hashable, T] | None = None

    def get(self, store: Hashable, version: int) -> T:
        """The state of that store at this version, or at a later one."""
        return self._answers.get((store, version), lambda: self._next(store))

    def _next(self, store: Hashable) -> T:
        last = self._last
        is_known = last is not None and last[0] == store
        found = self._follow(last[1]) if last is not None and is_known else self._read()
        self._last = store, found
        return found

    def forget(self) -> None:
        """Has the next state be read anew."""
        self._last = None


class Ahead:
    """Works on questions that the page is about to ask, while it draws what it has."""

    def __init__(self, workers: int = AHEAD) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="latprobe-dashboard-ahead")
        self._begun: list[Future[object]] = []

    def begin(self, ask: Callable[[], object]) -> None:
        """Asks in the background. An error is left to the page, which asks again."""
        self._begun = [each for each in self._begun if not each.done()]
        self._begun.append(self._pool.submit(ask))

    def rest(self) -> None:
        """Drops what was not begun; returns when nothing is worked on, or after REST_S."""
        for each in self._begun:
            each.cancel()
        wait(self._begun, timeout=REST_S)
