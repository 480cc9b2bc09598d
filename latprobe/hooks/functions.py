"""Functions named in the settings become stages, without a change to their code.

`[tool.latprobe.stages]` (or `LATPROBE_STAGES`) has patterns "module:function" or
"module:Class.method", with shell wildcards. Functions are replaced where they are defined, right
after their module is imported. A script's own functions (`__main__`) are decorated by hand instead:
they do not exist yet when the script's first import runs.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from fnmatch import fnmatchcase
from types import ModuleType
from typing import Any

from latprobe.config import Settings, StageRule
from latprobe.hooks import Undo
from latprobe.hooks.on_import import when_imported
from latprobe.stages import staged

_MARK = "__latprobe_stage__"


def instrument(settings: Settings) -> Undo:
    """Stages the functions that `settings.stages` names."""
    rules = settings.stages
    if not rules:
        return lambda: None
    replaced: list[tuple[Any, str, Any]] = []

    def matches(module_name: str) -> bool:
        return any(fnmatchcase(module_name, rule.pattern.partition(":")[0]) for rule in rules)

    def stage_module(module: ModuleType) -> None:
        for owner, name, function in list(_functions(module)):
            rule = _rule_for(rules, f"{module.__name__}:{function.__qualname__}")
            if rule is None or hasattr(function, _MARK):
                continue
            stage_name = rule.name or f"{module.__name__}.{function.__qualname__}"
            wrapped = staged(function, stage_name, rule.modality, {})
            setattr(wrapped, _MARK, True)
            replaced.append((owner, name, function))
            setattr(owner, name, wrapped)

    stop = when_imported(matches, stage_module)

    def undo() -> None:
        stop()
        for owner, name, function in reversed(replaced):
            setattr(owner, name, function)

    return undo


def _functions(module: ModuleType) -> Iterator[tuple[Any, str, Any]]:
    """Plain functions and methods that the module itself defines."""
    for name, found in vars(module).items():
        if inspect.isfunction(found) and found.__module__ == module.__name__:
            yield module, name, found
        elif inspect.isclass(found) and found.__module__ == module.__name__:
            for method_name, method in vars(found).items():
                if inspect.isfunction(method):
                    yield found, method_name, method


def _rule_for(rules: tuple[StageRule, ...], path: str) -> StageRule | None:
    return next((rule for rule in rules if fnmatchcase(path, rule.pattern)), None)
