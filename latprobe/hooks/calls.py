"""Calls into other libraries as stages: the shape that the hooks on functions share.

A hook lists its `Site`s. Each site's function is replaced right after its module was imported, and
`undo` puts the original back. One rule holds for all of them (`_begin`): a call inside another call
into the same library is part of it, and a call inside a stage of the same name is that stage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial, wraps
from types import ModuleType
from typing import Any, NamedTuple

from opentelemetry.trace.propagation import _SPAN_KEY

from latprobe import guard, recorder
from latprobe.clock import monotonic_ns
from latprobe.hooks import Undo
from latprobe.hooks.on_import import when_imported
from latprobe.recorder import OPEN, Stage
from latprobe.stages import is_recording

Args = tuple[Any, ...]
Kwargs = dict[str, Any]

# True while torch.compile or torch.jit.trace reads the program instead of running it.
_is_traced: Callable[[], bool] = bool
_watches_torch = False

# Neither OPEN nor a duration: leaving such a stage writes nothing.
_DISCARDED = -3


class Site(NamedTuple):
    """One function of a library, and how a call of it becomes a stage.

    `path` is "function" or "Class.method" within `module`. `begin` makes the stage with what is
    known before the call, or gives None where this call is none; `end` adds what the result says.
    `is_skipped` is asked first and must be cheap. `time_inside` gets the stage of another call into
    the same library that this call is inside of, and this call's duration in ns. `is_part`: outside
    of any span it is not recorded, since it would count as a request of its own.
    """

    module: str
    path: str
    begin: Callable[[Args, Kwargs], Stage | None]
    end: Callable[[Stage, Args, Kwargs, Any], None] | None = None
    is_skipped: Callable[[Args], bool] | None = None
    time_inside: Callable[[Stage, int], None] | None = None
    is_part: bool = False
    is_async: bool = False


def stage_calls(scope: str, sites: Iterable[Site]) -> Undo:
    """Replaces each site's function once its module is imported; `scope` is the hook's own module.

    A site that the installed version of the library does not have is passed over.
    """
    by_module: dict[str, list[Site]] = {}
    for site in sites:
        by_module.setdefault(site.module, []).append(site)
    replaced = Replaced()

    def module_imported(module: ModuleType) -> None:
        for site in by_module[module.__name__]:
            *owners, name = site.path.split(".")
            owner: Any = module
            for step in owners:
                owner = getattr(owner, step, None)
            replaced.replace(owner, name, partial(staged, site=site, scope=scope))

    stop = when_imported(by_module.__contains__, module_imported)

    def undo() -> None:
        stop()
        replaced.restore()

    return undo


class Replaced:
    """Attributes that were replaced, and what puts each back exactly."""

    def __init__(self) -> None:
        self._undos: list[Undo] = []
        self._originals: dict[Any, Any] = {}
        _watch_torch()

    def replace(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """`owner.name` becomes `make(original)`; nothing happens where there is no such name.

        A second name of a replacement stays one name of the same, and is put back too.
        """
        found = None if owner is None else vars(owner).get(name)
        if found is None:
            return
        if found in self._originals:
            found = self._originals[found]
        else:
            made = make(found)
            self._originals[made] = found
            setattr(owner, name, made)
        self._undos.append(lambda: setattr(owner, name, found))

    def restore(self) -> None:
        """Puts the originals back, the last one first."""
        while self._undos:
            self._undos.pop()()


def staged(original: Any, *, site: Site, scope: str) -> Any:
    """`original`, whose calls are recorded as the site says; results and errors pass through."""
    if site.is_async:
        return _staged_coroutine(original, site, scope)
    is_skipped, time_inside, end = site.is_skipped, site.time_inside, site.end

    @wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        if _is_traced() or (is_skipped is not None and is_skipped(args)):
            return original(*args, **kwargs)
        stage = _begin(site, scope, args, kwargs)
        if stage is None:
            if time_inside is not None and (outer := _enclosing_call(scope)) is not None:
                return _timed(original, partial(time_inside, outer), args, kwargs)
            return original(*args, **kwargs)
        with stage:
            try:
                result = original(*args, **kwargs)
            except StopIteration:
                _discard(stage)  # an iterator's end is neither an item nor an error
                raise
            if end is not None:
                _guarded(scope, end, stage, args, kwargs, result)
            return result

    return call


def _staged_coroutine(original: Any, site: Site, scope: str) -> Any:
    @wraps(original)
    async def call(*args: Any, **kwargs: Any) -> Any:
        stage = _begin(site, scope, args, kwargs)
        if stage is None:
            return await original(*args, **kwargs)
        async with stage:
            result = await original(*args, **kwargs)
            if site.end is not None:
                _guarded(scope, site.end, stage, args, kwargs, result)
            return result

    return call


def argument(args: Args, kwargs: Kwargs, position: int, name: str) -> Any:
    """An argument by its position or name; None where the caller left it out."""
    return args[position] if len(args) > position else kwargs.get(name)


def enclosing_stage() -> Stage | None:
    """The stage that is current, None outside of any and where it has ended."""
    context = recorder.current.get()
    found = context if isinstance(context, Stage) else context.get(_SPAN_KEY)
    return found if isinstance(found, Stage) and found._duration == OPEN else None


def _is_in_span() -> bool:
    """True inside any span: of this process, of its parent before a fork, of another provider."""
    context = recorder.current.get()
    return isinstance(context, Stage) or context.get(_SPAN_KEY) is not None


def _enclosing_call(scope: str) -> Stage | None:
    """The current stage if it is a call into the same library."""
    outer = enclosing_stage() if is_recording() else None
    if outer is None or not isinstance(outer.journal_key, tuple):
        return None
    return outer if outer.journal_key[2] == scope else None


def _begin(site: Site, scope: str, args: Args, kwargs: Kwargs) -> Stage | None:
    """The stage of this call, not yet entered.

    None while nothing records, for a call that is no stage, and inside a call into the same library
    or a stage of the same name: nested, both would count the same call twice.
    """
    if not is_recording() or _enclosing_call(scope) is not None:
        return None
    if site.is_part and not _is_in_span():
        return None
    stage: Stage | None = _guarded(scope, site.begin, args, kwargs)
    if stage is None:
        return None
    outer = enclosing_stage()
    if outer is not None and outer.name == stage.name:
        return None
    key: Any = stage.journal_key
    stage.journal_key = (*key[:2], scope) if isinstance(key, tuple) else (key, None, scope)
    return stage


def _guarded(scope: str, read: Callable[..., Any], *args: Any) -> Any:
    """`read(*args)`, None where that fails: other people's objects may do anything when read."""
    try:
        return read(*args)
    except Exception as fault:
        guard.report(scope, fault)
        return None


def _timed(original: Any, note: Callable[[int], None], args: Args, kwargs: Kwargs) -> Any:
    start = monotonic_ns()
    try:
        return original(*args, **kwargs)
    finally:
        note(monotonic_ns() - start)


def _discard(stage: Stage) -> None:
    """The stage, once left, is not recorded."""
    stage._duration = _DISCARDED


def _watch_torch() -> None:
    """Once torch is there it is asked whether it traces; never imported from here."""
    global _watches_torch
    if not _watches_torch:
        _watches_torch = True
        when_imported("torch".__eq__, _torch_imported)


def _torch_imported(torch: ModuleType) -> None:
    global _is_traced
    is_compiling, is_tracing = torch.compiler.is_compiling, torch.jit.is_tracing

    def is_traced() -> bool:
        return bool(is_compiling() or is_tracing())

    _is_traced = is_traced
