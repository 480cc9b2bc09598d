"""What latprobe switches on inside other libraries.

One file a library, one shape: `instrument(settings) -> undo`. A new hook is a new file here and its
test; nothing else lists them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from latprobe import guard
from latprobe.config import Settings

Undo = Callable[[], None]
_NOT_HOOKS = ("__init__", "on_import")


@dataclass(frozen=True, slots=True)
class Hooked:
    """One hook that was switched on, and how to switch it off."""

    name: str
    undo: Undo


def hook_names() -> list[str]:
    """The names of all hooks, from the files beside this one."""
    stems = (entry[:-3] for entry in os.listdir(__path__[0]) if entry.endswith(".py"))
    return sorted(stem for stem in stems if stem not in _NOT_HOOKS)


def switch_on(settings: Settings) -> list[Hooked]:
    """Every hook; one that fails is reported and left out."""
    done = []
    for name in hook_names():
        try:
            undo = import_module(f"{__name__}.{name}").instrument(settings)
        except Exception as error:  # a hook must never cost the user's program
            guard.report(f"hook {name}", error)
            continue
        done.append(Hooked(name, undo))
    return done
