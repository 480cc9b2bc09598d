"""What latprobe switches on inside other libraries.

One file a library, one shape: `instrument(settings) -> undo`. A new hook is a new file here and its
test; nothing else lists them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import import_module

from latprobe import guard
from latprobe.config import Settings

Undo = Callable[[], None]
_NOT_HOOKS = ("__init__", "calls", "on_import")
# What the settings `instrument` and `skip_instrument` do not speak of: no library is theirs.
_ALWAYS_ON = ("functions", "genai_streams", "instrumentors", "threads")


@dataclass(frozen=True, slots=True)
class Hooked:
    """One hook that was switched on, and how to switch it off."""

    name: str
    undo: Undo


def hook_names() -> list[str]:
    """The names of all hooks, from the files beside this one."""
    stems = (entry[:-3] for entry in os.listdir(__path__[0]) if entry.endswith(".py"))
    return sorted(stem for stem in stems if stem not in _NOT_HOOKS)


def is_wanted(name: str, settings: Settings) -> bool:
    """True where the settings' patterns allow the hook of that name."""
    if name in _ALWAYS_ON:
        return True
    if any(fnmatchcase(name, pattern) for pattern in settings.skip_instrument):
        return False
    return any(fnmatchcase(name, pattern) for pattern in settings.instrument)


def switch_on(settings: Settings) -> list[Hooked]:
    """Every hook that the settings allow; one that fails is reported and left out."""
    done = []
    for name in hook_names():
        if not is_wanted(name, settings):
            continue
        try:
            undo = import_module(f"{__name__}.{name}").instrument(settings)
        except Exception as error:  # a hook must never cost the user's program
            guard.report(f"hook {name}", error)
            continue
        done.append(Hooked(name, undo))
    return done
