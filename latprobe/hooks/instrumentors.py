"""Installed OpenTelemetry instrumentations, switched on when their library is imported.

They are found by the `opentelemetry_instrumentor` entry points, which the official packages,
OpenInference and OpenLLMetry share. An instrumentation is loaded only once the user's program has
imported the library that it is for.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from types import ModuleType
from typing import TYPE_CHECKING, Any

from latprobe import guard
from latprobe.config import Settings
from latprobe.hooks import Undo
from latprobe.hooks.on_import import when_imported

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "opentelemetry_instrumentor"

# Where a distribution's top-level module is not called like the distribution.
_MODULES = {"google-genai": "google.genai", "pillow": "PIL", "grpcio": "grpc"}
# What recording itself has imported by then.
_OWN = {"latprobe", "opentelemetry", "typing_extensions", "platformdirs", "sitecustomize"}
_NAME = re.compile(r"^[A-Za-z0-9_.\-]+")

active: dict[str, Any] = {}


def instrument(settings: Settings) -> Undo:
    """Waits for each library that an allowed instrumentation is for.

    The entry points are read once the program imports anything from outside the standard library:
    reading them takes 40 ms, which a program that imports nothing else is spared.
    """
    stops: list[Callable[[], None]] = []
    is_waiting = True

    def first_foreign(module_name: str) -> bool:
        nonlocal is_waiting
        if is_waiting and _is_foreign(module_name):
            is_waiting = False
            stops.extend(_wait_for_libraries(settings))
        return False

    stops.append(when_imported(first_foreign, lambda module: None))

    def undo() -> None:
        for stop in stops:
            stop()
        for name, instrumentor in list(active.items()):
            instrumentor.uninstrument()
            del active[name]

    return undo


def _is_foreign(module_name: str) -> bool:
    top = module_name.partition(".")[0]
    return top not in sys.stdlib_module_names and top not in _OWN and not top.startswith("_")


def _wait_for_libraries(settings: Settings) -> list[Callable[[], None]]:
    from importlib.metadata import entry_points

    stops = []
    for entry in found(settings, entry_points(group=GROUP)):
        modules = target_modules(entry)

        def switch_on(module: ModuleType, entry: EntryPoint = entry) -> None:
            _switch_on(entry)

        stops.append(when_imported(modules.__contains__, switch_on))
    return stops


def found(settings: Settings, installed: Iterable[EntryPoint]) -> list[EntryPoint]:
    """The installed instrumentations that the settings allow, one a name."""
    allowed: dict[str, EntryPoint] = {}
    for entry in installed:
        wanted = any(fnmatchcase(entry.name, pattern) for pattern in settings.instrument)
        denied = any(fnmatchcase(entry.name, pattern) for pattern in settings.skip_instrument)
        if wanted and not denied:
            allowed.setdefault(entry.name, entry)
    return list(allowed.values())


def target_modules(entry: EntryPoint) -> set[str]:
    """The modules whose import switches the instrumentation on.

    Read from the package's `instruments` extra; an instrumentation without one is for a module of
    its own name.
    """
    requires = (entry.dist.requires or []) if entry.dist is not None else []
    names = {
        match.group().lower()
        for line in requires
        if "extra" in line and "instruments" in line and (match := _NAME.match(line))
    }
    return {_MODULES.get(name, name.replace("-", "_")) for name in names} or {entry.name}


def _switch_on(entry: EntryPoint) -> None:
    if entry.name in active:
        return
    try:
        instrumentor = entry.load()()
        if not instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.instrument()
        active[entry.name] = instrumentor
    except Exception as error:  # somebody else's package; the user's program goes on without it
        guard.report(f"instrumentation {entry.name}", error)
