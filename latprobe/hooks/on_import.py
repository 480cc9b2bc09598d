"""Acting on a module right after it has been imported, without importing it ourselves."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from latprobe import guard

Matches = Callable[[str], bool]
Action = Callable[[ModuleType], None]

_actions: list[tuple[Matches, Action]] = []


def when_imported(matches: Matches, action: Action) -> Callable[[], None]:
    """Runs `action(module)` for each module whose name matches: those there now, and later ones.

    Returns what stops it. The action runs before the importer sees the module, and never before the
    module's own code has run to its end.
    """
    entry = (matches, action)
    _actions.append(entry)
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    for name, module in list(sys.modules.items()):
        if module is not None and matches(name):
            _act_when_whole(entry, module)

    def stop() -> None:
        if entry in _actions:
            _actions.remove(entry)

    return stop


def _act_when_whole(entry: tuple[Matches, Action], module: ModuleType) -> None:
    """Now, or once the import that is under way has ended, unless it fails or was stopped."""
    spec = getattr(module, "__spec__", None)
    if type(spec) in (ModuleSpec, _SpecUnderWay) and getattr(spec, "_initializing", False):
        spec.__class__ = _SpecUnderWay
        spec.__dict__.setdefault("_latprobe_waiting", []).append(entry)
    else:
        _act(entry[1], module)


class _SpecUnderWay(ModuleSpec):
    """The spec of a module that is being imported by a loader that was not ours to wrap: importlib
    says there when it has ended. From then on it is a plain spec again."""

    @property
    def _initializing(self) -> bool:
        return bool(self.__dict__.get("_initializing"))

    @_initializing.setter
    def _initializing(self, value: bool) -> None:
        self.__dict__["_initializing"] = value
        if value:
            return
        waiting = self.__dict__.pop("_latprobe_waiting", [])
        self.__class__ = ModuleSpec  # type: ignore[assignment]  # that is what it was
        module = sys.modules.get(self.name)
        for entry in waiting:
            if module is not None and entry in _actions:
                _act(entry[1], module)


def _act(action: Action, module: ModuleType) -> None:
    try:
        action(module)
    except Exception as error:  # the user's import must succeed whatever we do
        guard.report(f"acting on the import of {module.__name__}", error)


class _Finder:
    """Finds what the others find, and hooks the loader of modules somebody waits for.

    Not an importlib.abc.MetaPathFinder: that import alone costs 6 ms of every start.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        try:
            waiting = [action for matches, action in _actions if matches(fullname)]
        except Exception as error:  # somebody's broken metadata must not break this import
            guard.report(f"looking at the import of {fullname}", error)
            return None
        if not waiting:
            return None
        spec = _found_by_others(fullname, path, target)
        if spec is not None and spec.loader is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _Loader(spec.loader, waiting)  # type: ignore[assignment]  # quacks like one
        return spec


def _found_by_others(
    fullname: str, path: Sequence[str] | None, target: ModuleType | None
) -> ModuleSpec | None:
    for finder in sys.meta_path:
        if isinstance(finder, _Finder) or not hasattr(finder, "find_spec"):
            continue
        spec = finder.find_spec(fullname, path, target)
        if spec is not None:
            return spec
    return PathFinder.find_spec(fullname, path, target)


class _Loader:
    """The real loader, and after it the actions. Everything else is the real loader's."""

    def __init__(self, real: Any, waiting: list[Action]) -> None:
        self._real = real
        self._waiting = waiting

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        found: ModuleType | None = self._real.create_module(spec)
        return found

    def exec_module(self, module: ModuleType) -> None:
        # From here on the module has its real loader, for inspect, importlib.resources and pickle.
        if module.__spec__ is not None:
            module.__spec__.loader = self._real
        module.__loader__ = self._real
        self._real.exec_module(module)
        for action in self._waiting:
            _act(action, module)
