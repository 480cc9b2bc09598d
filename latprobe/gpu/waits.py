"""Waits for the GPU and copies to and from it, noted where torch's own functions make them.

The methods of Tensor are replaced by objects that equal and hash as the originals: torch and others
keep tables of them (`__torch_function__` handlers), and torch.compile asks for them by name.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any

from latprobe.clock import monotonic_ns
from latprobe.gpu.run_notes import Run
from latprobe.hooks import Undo

CurrentRun = Callable[[], Run | None]
MOVES = ("to", "cpu", "cuda")
READS = ("item", "tolist")


# What a tensor raises that does not say how long it is: sparse ones.
_NO_BYTES = (RuntimeError, TypeError, NotImplementedError, AttributeError)


class TensorMethod:
    """A method of Tensor in the place of `original`; everything but a call is the original's."""

    __slots__ = ("__func", "__original")

    def __init__(self, original: Any, function: Callable[..., Any]) -> None:
        self.__original = original
        self.__func = function

    def __get__(self, tensor: Any, kind: Any = None) -> Any:
        return self if tensor is None else MethodType(self.__func, tensor)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__func(*args, **kwargs)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, TensorMethod):
            other = other.__original
        return bool(self.__original == other)

    def __hash__(self) -> int:
        return hash(self.__original)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__original, name)

    def __repr__(self) -> str:
        return repr(self.__original)


def note_waits(torch: Any, current_run: CurrentRun) -> Undo:
    """Replaces them; gives back what puts them back."""
    undos: list[Undo] = []
    is_compiling = torch.compiler.is_compiling
    for name in MOVES:
        undos.append(_replace_method(torch.Tensor, name, _moving, current_run, is_compiling))
    for name in READS:
        undos.append(_replace_method(torch.Tensor, name, _reading, current_run, is_compiling))
    undos.append(_replace_method(torch.Tensor, "copy_", _copying, current_run, is_compiling))
    for owner in (torch.cuda.Stream, torch.cuda.Event):
        undos.append(_replace_function(owner, "synchronize", current_run))
    # What torch.cuda.synchronize calls; programs have imported that by name already.
    undos.append(_replace_function(torch._C, "_cuda_synchronize", current_run))

    def undo() -> None:
        for one in reversed(undos):
            one()

    return undo


Make = Callable[[Any, CurrentRun, Callable[[], bool]], Callable[..., Any]]


def _replace_method(
    owner: Any, name: str, make: Make, current_run: CurrentRun, is_compiling: Callable[[], bool]
) -> Undo:
    own = vars(owner).get(name)
    original = getattr(owner, name)
    made = TensorMethod(original, make(original, current_run, is_compiling))
    setattr(owner, name, made)

    def undo() -> None:
        if vars(owner).get(name) is not made:
            return  # somebody replaced ours
        if own is None:
            delattr(owner, name)
        else:
            setattr(owner, name, own)

    return undo


def _replace_function(owner: Any, name: str, current_run: CurrentRun) -> Undo:
    own = vars(owner).get(name)
    original = getattr(owner, name, None)
    if original is None:
        return lambda: None

    def synchronize(*args: Any, **kwargs: Any) -> Any:
        run = current_run()
        if run is None:
            return original(*args, **kwargs)
        start_ns = monotonic_ns()
        try:
            return original(*args, **kwargs)
        finally:
            run.sync_wait_ns += monotonic_ns() - start_ns
            run.sync_waits += 1

    for said in ("__name__", "__qualname__", "__doc__", "__module__"):
        setattr(synchronize, said, getattr(original, said, None) or name)
    setattr(owner, name, synchronize)

    def undo() -> None:
        if vars(owner).get(name) is not synchronize:
            return
        if own is None:
            delattr(owner, name)
        else:
            setattr(owner, name, own)

    return undo


def _reading(
    original: Any, current_run: CurrentRun, is_compiling: Callable[[], bool]
) -> Callable[..., Any]:
    """item and tolist: the host waits until the value is there."""

    def read(tensor: Any, *args: Any) -> Any:
        # Called hundreds of times a request: the plain case without a call of ours that it spares.
        if args or not tensor.is_cuda or (run := current_run()) is None or is_compiling():
            return original(tensor, *args)
        start_ns = monotonic_ns()
        value = original(tensor)
        run.sync_wait_ns += monotonic_ns() - start_ns
        run.sync_waits += 1
        try:  # noqa: SIM105 (a suppress costs half a microsecond here, a try nothing)
            run.d2h_bytes += tensor.nbytes
        except _NO_BYTES:
            pass
        return value

    return read


def _moving(
    original: Any, current_run: CurrentRun, is_compiling: Callable[[], bool]
) -> Callable[..., Any]:
    """to, cpu and cuda: a copy if the result is on the other side."""

    def move(tensor: Any, *args: Any, **kwargs: Any) -> Any:
        start_ns = monotonic_ns()
        moved = original(tensor, *args, **kwargs)
        if moved.is_cuda is not tensor.is_cuda and not is_compiling():
            _note_copy(current_run(), moved, start_ns, is_waiting=not _non_blocking(args, kwargs))
        return moved

    return move


def _copying(
    original: Any, current_run: CurrentRun, is_compiling: Callable[[], bool]
) -> Callable[..., Any]:
    """copy_ between the host and a device."""

    def copy(tensor: Any, *args: Any, **kwargs: Any) -> Any:
        source = args[0] if args else kwargs.get("other", kwargs.get("src"))
        start_ns = monotonic_ns()
        result = original(tensor, *args, **kwargs)
        if getattr(source, "is_cuda", tensor.is_cuda) is not tensor.is_cuda and not is_compiling():
            is_waiting = not _non_blocking(args[1:], kwargs)
            _note_copy(current_run(), tensor, start_ns, is_waiting=is_waiting)
        return result

    return copy


def _note_copy(run: Run | None, target: Any, start_ns: int, *, is_waiting: bool) -> None:
    if run is None:
        return
    run.copies += 1
    if target.is_cuda:
        run.h2d_bytes += _bytes_of(target)
    else:
        run.d2h_bytes += _bytes_of(target)
    if is_waiting:
        run.sync_wait_ns += monotonic_ns() - start_ns
        run.sync_waits += 1


def _non_blocking(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """The argument of that name; by position it is the first of the truth values."""
    if "non_blocking" in kwargs:
        return bool(kwargs["non_blocking"])
    return next((each for each in args if isinstance(each, bool)), False)


def _bytes_of(tensor: Any) -> int:
    """0 for a tensor that does not say: sparse ones."""
    try:
        return int(tensor.nbytes)
    except _NO_BYTES:
        return 0
