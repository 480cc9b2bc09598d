"""What a rule is, and which there are: every module in `rules/` is one."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import Protocol, cast

from latprobe.advice import rules
from latprobe.advice.context import Context
from latprobe.advice.suggestion import Suggestion


class Rule(Protocol):
    """A module of `rules/`: `NAME`, and `find`, which yields what it sees in the context.

    A rule yields nothing where it sees nothing, "not enough data" where it sees a sign and cannot
    confirm it, and raises nothing but LatprobeError.
    """

    NAME: str

    def find(self, context: Context) -> Iterable[Suggestion]: ...


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(rules.__path__))
    return tuple(cast(Rule, import_module(f"{rules.__name__}.{name}")) for name in names)
