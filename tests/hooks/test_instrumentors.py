"""Installed instrumentations are switched on with their library, and only then."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest

from latprobe import guard
from latprobe.config import Settings
from latprobe.hooks import instrumentors


class Instrumentor:
    """Stands in for a package's BaseInstrumentor."""

    calls: ClassVar[list[str]] = []
    is_instrumented_by_opentelemetry = False

    def instrument(self) -> None:
        self.calls.append("on")

    def uninstrument(self) -> None:
        self.calls.append("off")


class Broken(Instrumentor):
    """One that fails."""

    def instrument(self) -> None:
        raise RuntimeError("version conflict")


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """Entry points as they would be installed, and two libraries to import."""
    for name in ("fruit_client", "nut_client"):
        (tmp_path / f"{name}.py").write_text("VALUE = 1\n")
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    Instrumentor.calls.clear()
    instrumentors.active.clear()

    def entry(name: str, kind: type, requires: list[str]) -> Any:
        fake = SimpleNamespace(name=name, dist=SimpleNamespace(requires=requires))
        fake.load = lambda: kind
        return fake

    found = [
        entry("fruit", Instrumentor, ["fruit-client>=1; extra == 'instruments'", "wrapt"]),
        entry("nut_client", Broken, []),
    ]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: found)
    return found


def test_an_instrumentation_waits_for_its_library(offered: list[Any]) -> None:
    undo = instrumentors.instrument(Settings(home=Path("unused"), instrument=("fruit",)))
    assert Instrumentor.calls == []
    import fruit_client  # type: ignore[import-not-found]

    assert isinstance(fruit_client, ModuleType)
    assert Instrumentor.calls == ["on"]
    assert list(instrumentors.active) == ["fruit"]
    undo()
    assert Instrumentor.calls == ["on", "off"]


def test_a_denied_instrumentation_stays_off(offered: list[Any]) -> None:
    settings = Settings(home=Path("unused"), skip_instrument=("fru*", "nut*"))
    assert instrumentors.found(settings, offered) == []


def test_one_that_fails_is_counted_and_leaves_the_import_alone(
    offered: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(guard, "_strict", False)
    guard.faults.clear()
    undo = instrumentors.instrument(Settings(home=Path("unused"), instrument=("nut*",)))
    import nut_client  # type: ignore[import-not-found]

    assert nut_client.VALUE == 1
    undo()
    assert "instrumentation nut_client failed (RuntimeError: version conflict)" in (
        capsys.readouterr().err
    )


def test_the_official_openai_package_is_for_openai() -> None:
    pytest.importorskip("opentelemetry.instrumentation.genai.openai")
    settings = Settings(home=Path("unused"), instrument=("openai",))
    entries = instrumentors.found(settings, entry_points(group=instrumentors.GROUP))
    assert [isinstance(entry, EntryPoint) for entry in entries] == [True]
    assert instrumentors.target_modules(entries[0]) == {"openai"}
