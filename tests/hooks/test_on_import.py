"""An action on a module's import comes when the module is whole, whoever imports it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from latprobe.hooks import on_import
from latprobe.hooks.on_import import when_imported

Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes a module that can be imported; all of them are forgotten at the end."""
    monkeypatch.syspath_prepend(str(tmp_path))
    names = []

    def written(name: str, source: str) -> None:
        names.append(name)
        (tmp_path / f"{name}.py").write_text(source)
        importlib.invalidate_caches()

    yield written
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What the action found as `module.last`; it waits for names that begin with waited_."""
    found: list[object] = []
    monkeypatch.setattr(on_import, "_actions", [])

    def act(module: ModuleType) -> None:
        found.append(getattr(module, "last", "not there yet"))

    monkeypatch.setattr(
        sys, "latprobe_test_wait", lambda: when_imported(_is_waited_for, act), raising=False
    )
    return found


def _is_waited_for(name: str) -> bool:
    return name.startswith("waited_")


WAITS_HALF_WAY = "import sys\nstop = sys.latprobe_test_wait()\n"


def test_a_module_that_is_imported_later_is_whole(write: Write, seen: list[object]) -> None:
    sys.latprobe_test_wait()  # type: ignore[attr-defined]  # the fixture's
    write("waited_later", "last = 1")
    importlib.import_module("waited_later")
    assert seen == [1]


def test_a_module_in_the_middle_of_its_import_is_waited_for(
    write: Write, seen: list[object]
) -> None:
    write("waited_half", WAITS_HALF_WAY + "last = 2")
    module = importlib.import_module("waited_half")
    assert seen == [2]
    assert (type(module.__spec__), vars(module.__spec__).get("_latprobe_waiting")) == (
        ModuleSpec,
        None,
    )


def test_a_package_whose_part_waits_is_whole(write: Write, seen: list[object]) -> None:
    write("waited_outer", "import waited_outer_part\nlast = 3")
    write("waited_outer_part", WAITS_HALF_WAY + "last = 4")
    importlib.import_module("waited_outer")
    assert seen == [4, 3]


def test_an_import_that_fails_is_not_acted_on(write: Write, seen: list[object]) -> None:
    write("waited_broken", WAITS_HALF_WAY + "raise LookupError")
    with pytest.raises(LookupError):
        importlib.import_module("waited_broken")
    assert seen == []


def test_what_was_stopped_meanwhile_is_not_acted_on(write: Write, seen: list[object]) -> None:
    write("waited_stopped", WAITS_HALF_WAY + "stop()\nlast = 5")
    importlib.import_module("waited_stopped")
    assert seen == []
