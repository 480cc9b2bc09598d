"""`stage()`: what a person writes around a step of their pipeline.

Until `latprobe.init()` (or `latprobe.auto`, or `latprobe run`) a stage does nothing, so library
authors can leave theirs in. This file imports nothing heavy; the recording stage is
`latprobe.recorder.Stage`.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, Self, TypeVar, cast, overload

from latprobe.errors import UsageError
from latprobe.journal.plain import plain_text
from latprobe.streams import Drive, drive

if TYPE_CHECKING:
    from latprobe.recorder import Stage

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class AnyStage(Protocol):
    """What `stage()` gives: usable as `with`, as `async with`, and as a decorator."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...
    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]: ...
    def set(self, **attributes: Any) -> Self:
        """Adds attributes, `model`, `input_tokens` and `output_tokens` among them."""
        ...

    def event(self, name: str, /, **attributes: Any) -> Self:
        """Notes something that happened at this moment of the stage."""
        ...

    def stream(self, chunks: Iterable[T], /) -> Iterator[T]:
        """Hands the chunks on and records the first one's time and the gaps between them."""
        ...

    def astream(self, chunks: AsyncIterable[T], /) -> AsyncIterator[T]:
        """The same for an asynchronous stream."""
        ...


class Idle:
    """A stage while nothing records. What it decorates asks again at each call."""

    __slots__ = ("attributes", "modality", "name")

    def __init__(self, name: str, modality: str | None, attributes: dict[str, Any]) -> None:
        self.name = name
        self.modality = modality
        self.attributes = attributes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: Any, error: Any, traceback: Any, /) -> None:
        return None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: Any, error: Any, traceback: Any, /) -> None:
        return None

    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]:
        return staged(function, self.name, self.modality, self.attributes)

    def set(self, **attributes: Any) -> Self:
        """Nothing: nothing records."""
        return self

    def event(self, name: str, /, **attributes: Any) -> Self:
        """Nothing: nothing records."""
        return self

    def stream(self, chunks: Iterable[T], /) -> Iterator[T]:
        """The stream itself."""
        return iter(chunks)

    def astream(self, chunks: AsyncIterable[T], /) -> AsyncIterator[T]:
        """The stream itself."""
        return aiter(chunks)


_make: Callable[[str, str | None, dict[str, Any]], AnyStage] = Idle


@overload
def stage(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def stage(name: str, /, *, modality: str | None = None, **attributes: Any) -> AnyStage: ...
def stage(name: Any, /, **attributes: Any) -> Any:
    """A step of the pipeline, as `with stage("ocr"):` or as `@stage("ocr")`.

    `modality` is text, image, audio, video, retrieval, tool or io and gives the stage its colour.
    `model`, `input_tokens` and `output_tokens` are counted as usage; other attributes are kept as
    they are. As a decorator it fits functions, coroutines, generators and async generators; a
    generator's stage lasts from its first item to its end and records the gaps between items.
    Exceptions are noted and re-raised. `@stage` alone takes the function's own name.
    """
    modality = attributes.pop("modality", None) if "modality" in attributes else None
    if type(name) is not str:
        if callable(name):  # @stage, without parentheses
            return staged(name, name.__qualname__, modality, attributes)
        name = plain_text(name)
    return _make(name, modality, attributes)


def start_recording(make: Callable[[str, str | None, dict[str, Any]], AnyStage] | None) -> None:
    """From now on stages are made by `make`; None makes them idle again."""
    global _make
    _make = make or Idle


def is_recording() -> bool:
    """True between `init()` and `shutdown()`."""
    return _make is not Idle


def _open(name: str, modality: str | None, attributes: dict[str, Any]) -> Stage | None:
    made: Any = _make(name, modality, attributes.copy())
    return None if isinstance(made, Idle) else made


def staged(
    function: Callable[P, R], name: str, modality: str | None, attributes: dict[str, Any]
) -> Callable[P, R]:
    """`function` as a stage, of the same sort: a coroutine function stays one."""
    import inspect  # 6 ms, and only decorators need it

    if isinstance(function, (staticmethod, classmethod)):
        inner = staged(function.__func__, name, modality, attributes)
        return cast("Callable[P, R]", type(function)(inner))
    if not callable(function):
        raise UsageError(f"stage({name!r}) decorates functions, not {type(function).__name__}.")
    if inspect.isasyncgenfunction(function):
        made: Any = _staged_async_generator(function, name, modality, attributes)
    elif inspect.iscoroutinefunction(function):
        made = _staged_coroutine(function, name, modality, attributes)
    elif inspect.isgeneratorfunction(function):
        made = _staged_generator(function, name, modality, attributes)
    else:
        made = _staged_function(function, name, modality, attributes)
    return cast("Callable[P, R]", functools.wraps(function)(made))


def _staged_function(
    function: Any, name: str, modality: str | None, attributes: dict[str, Any]
) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        with _make(name, modality, attributes.copy()):
            return function(*args, **kwargs)

    return call


def _staged_coroutine(
    function: Any, name: str, modality: str | None, attributes: dict[str, Any]
) -> Any:
    async def call(*args: Any, **kwargs: Any) -> Any:
        async with _make(name, modality, attributes.copy()):
            return await function(*args, **kwargs)

    return call


def _staged_generator(
    function: Any, name: str, modality: str | None, attributes: dict[str, Any]
) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        made = _open(name, modality, attributes)
        body = function(*args, **kwargs)
        return (yield from body if made is None else drive(made, body))

    return call


def _staged_async_generator(
    function: Any, name: str, modality: str | None, attributes: dict[str, Any]
) -> Any:
    async def call(*args: Any, **kwargs: Any) -> Any:
        # The loop of `drive`, spelt out: an async generator cannot `yield from`, and this has to
        # be one itself for callers that ask inspect.isasyncgenfunction.
        made = _open(name, modality, attributes)
        body = function(*args, **kwargs)
        step, sent = body.asend, None
        with Drive(made) as driving:
            try:
                while True:
                    driving.resume()
                    try:
                        item = await step(sent)
                    except StopAsyncIteration:
                        return
                    finally:
                        driving.pause()
                    driving.chunk()
                    step = body.asend
                    try:
                        sent = yield item
                    except GeneratorExit:
                        raise
                    except BaseException as error:
                        step, sent = body.athrow, error
            finally:
                driving.resume()  # its cleanup is still its own
                try:
                    await body.aclose()
                finally:
                    driving.pause()

    return call
