"""Installed OpenTelemetry instrumentations, switched on when their library is imported.

They are found by the `opentelemetry_instrumentor` entry points, which the official packages,
OpenInference and OpenLLMetry share. An instrumentation is loaded only once the user's program has
imported the library that it is for. Of several for one library only one is switched on: two would
make two spans of each call.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
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

# The module whose import shows that a distribution is used, where it is not called like that.
_MODULES = {
    "google-genai": "google.genai",
    "grpcio": "grpc",
    "langchain": "langchain_core",
    "llama-index": "llama_index.core",
    "llama-index-core": "llama_index.core",
    "llama-index-instrumentation": "llama_index.core",
    "llama-index-workflows": "llama_index.core",
    "pillow": "PIL",
}
# What recording itself has imported by then.
_OWN = {"latprobe", "opentelemetry", "typing_extensions", "platformdirs", "sitecustomize"}
_NAME = re.compile(r"^[A-Za-z0-9_.\-]+")
_OFFICIAL_GENAI = "opentelemetry-instrumentation-genai-"
# Where the official genai packages ask whether to record prompts, and what the program may set.
_CONTENT_MODULE = "opentelemetry.util.genai.utils"
_CONTENT_MODE = "get_content_capturing_mode"
CONTENT_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"

active: dict[str, Any] = {}
# Packages that were to be switched on and were not, with the reason.
refused: dict[str, str] = {}
_queue: list[list[Offer]] = []


@dataclass(frozen=True, slots=True)
class Offer:
    """One installed instrumentation. `state` is "chosen", "denied" by the settings, or "yields" to
    another of the same library; `reason` says to what."""

    entry: EntryPoint
    package: str
    version: str
    modules: frozenset[str]
    state: str = "chosen"
    reason: str = ""


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
    # With content off too: it is counted, and then only sizes and digests are kept.
    stops.append(
        when_imported(_CONTENT_MODULE.__eq__, lambda module: stops.append(_record_prompts(module)))
    )

    def undo() -> None:
        for stop in stops:
            stop()
        for name, instrumentor in list(active.items()):
            instrumentor.uninstrument()
            del active[name]

    return undo


def _record_prompts(module: ModuleType) -> Callable[[], None]:
    """Has the official genai packages put prompts and answers on spans, unless the variable says.

    Only while the spans are ours alone: what goes to the program's own provider, and from there to
    a backend, is the program's decision, and so is what its child processes do. Setting the
    variable would decide both.
    """
    asked = getattr(module, _CONTENT_MODE, None)
    mode = getattr(getattr(module, "ContentCapturingMode", None), "SPAN_ONLY", None)
    if asked is None or mode is None:
        return lambda: None
    from latprobe.otel.tracer import is_provider

    def answer() -> Any:
        is_open = not os.environ.get(CONTENT_VARIABLE, "").strip()
        return mode if is_open and is_provider() else asked()

    setattr(module, _CONTENT_MODE, answer)
    return lambda: setattr(module, _CONTENT_MODE, asked)


def _is_foreign(module_name: str) -> bool:
    top = module_name.partition(".")[0]
    return top not in sys.stdlib_module_names and top not in _OWN and not top.startswith("_")


def _wait_for_libraries(settings: Settings) -> list[Callable[[], None]]:
    from importlib.metadata import entry_points

    stops = []
    for rivals in by_library(settings, entry_points(group=GROUP)):
        candidates = [offer for offer in rivals if offer.state != "denied"]
        modules = {name for offer in candidates for name in offer.modules}

        def switch_on(module: ModuleType, candidates: list[Offer] = candidates) -> None:
            _switch_on_one(candidates)

        if candidates:
            stops.append(when_imported(modules.__contains__, switch_on))
    return stops


def offers(settings: Settings, installed: Iterable[EntryPoint]) -> list[Offer]:
    """All installed instrumentations and what becomes of each, for `latprobe doctor`."""
    return [offer for rivals in by_library(settings, installed) for offer in rivals]


def by_library(settings: Settings, installed: Iterable[EntryPoint]) -> list[list[Offer]]:
    """The same by library; in each the chosen one first, then those that yield, best first."""
    groups: list[list[Offer]] = []
    seen = set()
    for entry in installed:
        offer = _offer(settings, entry)
        if (offer.package, entry.name) in seen:
            continue  # a distribution that two folders of sys.path hold
        seen.add((offer.package, entry.name))
        rivals = [group for group in groups if any(offer.modules & one.modules for one in group)]
        for group in rivals:
            groups.remove(group)
        groups.append([*(one for group in rivals for one in group), offer])
    return [_ranked(group) for group in groups]


def _offer(settings: Settings, entry: EntryPoint) -> Offer:
    package = entry.dist.name if entry.dist is not None else entry.name
    version = entry.dist.version if entry.dist is not None else ""
    offer = (entry, package, version, frozenset(target_modules(entry)))

    def is_named(patterns: Iterable[str]) -> bool:
        return any(fnmatchcase(name, p) for p in patterns for name in (entry.name, package))

    if not is_named(settings.instrument):
        return Offer(*offer, "denied", "LATPROBE_INSTRUMENT does not name it")
    if is_named(settings.skip_instrument):
        return Offer(*offer, "denied", "LATPROBE_SKIP_INSTRUMENT names it")
    return Offer(*offer)


def _ranked(group: list[Offer]) -> list[Offer]:
    if len(group) == 1:
        return group
    ordered = sorted(group, key=lambda offer: (offer.state == "denied", rank(offer)))
    best = ordered[0]
    return [best, *(_yielding(offer, best) for offer in ordered[1:])]


def _yielding(offer: Offer, best: Offer) -> Offer:
    if offer.state == "denied":
        return offer
    return Offer(offer.entry, offer.package, offer.version, offer.modules, "yields", best.package)


def rank(offer: Offer) -> int:
    """Official genai packages before other official ones, OpenInference, OpenLLMetry, the rest."""
    if offer.package.startswith(_OFFICIAL_GENAI):
        return 0
    origin = _origin(offer.entry)
    if "open-telemetry/" in origin:
        return 1
    if offer.package.startswith("openinference-"):
        return 2
    return 3 if "traceloop" in origin else 4


def _origin(entry: EntryPoint) -> str:
    """Where a package says that it comes from."""
    if entry.dist is None:
        return ""
    metadata = entry.dist.metadata
    fields = ("Home-page", "Author-email", "Project-URL")
    return " ".join(text for field in fields for text in metadata.get_all(field) or []).lower()


def target_modules(entry: EntryPoint) -> set[str]:
    """The modules whose import switches the instrumentation on.

    Read from the package's `instruments` extra; an instrumentation without one is for a module of
    its own name, and so is one of several in a package (`httpx` and `httpx2`).
    """
    requires = (entry.dist.requires or []) if entry.dist is not None else []
    found = {
        match.group().lower()
        for line in requires
        if "extra" in line and "instruments" in line and (match := _NAME.match(line))
    }
    modules = {_MODULES.get(name, name.replace("-", "_")) for name in found}
    return {entry.name} if entry.name in modules or not modules else modules


def _switch_on_one(candidates: list[Offer]) -> None:
    """The best candidate that accepts the library's version.

    Loading one imports libraries that others wait for (opentelemetry-instrumentation-httpx both
    httpx and httpx2, themselves half loaded then), so those come after it.
    """
    _queue.append(candidates)
    if len(_queue) > 1:
        return
    try:
        for waiting in _queue:  # grows meanwhile
            any(offer.entry.name in active or _switch_on(offer) for offer in waiting)
    finally:
        _queue.clear()


def _switch_on(offer: Offer) -> bool:
    from opentelemetry.instrumentation.dependencies import DependencyConflictError

    try:
        instrumentor = offer.entry.load()()
        if not instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.instrument(raise_exception_on_conflict=True)
    except DependencyConflictError as conflict:
        refused[offer.package] = str(conflict)
        return False
    except Exception as error:  # somebody else's package; the user's program goes on without it
        refused[offer.package] = f"{type(error).__name__}: {error}"
        guard.report(f"instrumentation {offer.entry.name}", error)
        return False
    active[offer.entry.name] = instrumentor
    return True
