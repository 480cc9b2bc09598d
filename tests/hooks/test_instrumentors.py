"""Installed instrumentations are switched on with their library, one a library, and only then."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from email.message import Message
from enum import Enum
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

    def instrument(self, **settings: object) -> None:
        self.calls.append(f"{type(self).__name__} on")

    def uninstrument(self) -> None:
        self.calls.append(f"{type(self).__name__} off")


class Other(Instrumentor):
    """Another package's for the same library."""


class Broken(Instrumentor):
    """One that fails."""

    def instrument(self, **settings: object) -> None:
        raise RuntimeError("version conflict")


class Unfit(Instrumentor):
    """One that is for other versions of the library."""

    def instrument(self, **settings: object) -> None:
        from opentelemetry.instrumentation.dependencies import (
            DependencyConflict,
            DependencyConflictError,
        )

        raise DependencyConflictError(DependencyConflict("fruit-client >= 9", "fruit-client 1"))


class Curious(Instrumentor):
    """One whose own import needs a library that another one waits for."""

    def instrument(self, **settings: object) -> None:
        import nut_client  # type: ignore[import-not-found]  # noqa: F401

        assert self.calls == []
        super().instrument()


def offered(
    name: str, kind: type, requires: list[str], package: str | None = None, url: str = ""
) -> Any:
    """An entry point as it would be installed."""
    metadata = Message()
    metadata["Project-URL"] = url
    dist = SimpleNamespace(
        name=package or f"instrumentation-{name}", version="1", requires=requires, metadata=metadata
    )
    return SimpleNamespace(name=name, dist=dist, load=lambda: kind)


FRUIT = ["fruit-client>=1; extra == 'instruments'", "wrapt"]
TRACELOOP = "Repository, https://github.com/traceloop/openllmetry"
OFFICIAL = "Repository, https://github.com/open-telemetry/opentelemetry-python-contrib"


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Makes these the installed instrumentations; there are two libraries to import."""
    for name in ("fruit_client", "nut_client"):
        (tmp_path / f"{name}.py").write_text("VALUE = 1\n")
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    Instrumentor.calls.clear()
    instrumentors.active.clear()
    instrumentors.refused.clear()

    def put(*entries: Any) -> None:
        monkeypatch.setattr("importlib.metadata.entry_points", lambda group: list(entries))

    return put


def settings(*allowed: str, skip: tuple[str, ...] = ()) -> Settings:
    return Settings(home=Path("unused"), instrument=allowed or ("*",), skip_instrument=skip)


def test_an_instrumentation_waits_for_its_library(install: Any) -> None:
    install(offered("fruit", Instrumentor, FRUIT))
    undo = instrumentors.instrument(settings())
    assert Instrumentor.calls == []
    import fruit_client  # type: ignore[import-not-found]

    assert isinstance(fruit_client, ModuleType)
    assert Instrumentor.calls == ["Instrumentor on"]
    assert list(instrumentors.active) == ["fruit"]
    undo()
    assert Instrumentor.calls == ["Instrumentor on", "Instrumentor off"]


@pytest.mark.parametrize("pattern", ["fru*", "instrumentation-*"])
def test_a_denied_instrumentation_stays_off(pattern: str) -> None:
    found = instrumentors.offers(settings(skip=(pattern,)), [offered("fruit", Instrumentor, FRUIT)])
    assert [(one.state, one.reason) for one in found] == [
        ("denied", "LATPROBE_SKIP_INSTRUMENT names it")
    ]


def test_one_that_fails_is_counted_and_leaves_the_import_alone(
    install: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(guard, "_strict", False)
    guard.faults.clear()
    install(offered("nut_client", Broken, []))
    undo = instrumentors.instrument(settings("nut*"))
    import nut_client

    assert nut_client.VALUE == 1
    undo()
    assert "instrumentation nut_client failed (RuntimeError: version conflict)" in (
        capsys.readouterr().err
    )


RIVALS = [
    offered("fruit", Instrumentor, FRUIT, "opentelemetry-instrumentation-fruit", TRACELOOP),
    offered("fruit", Instrumentor, FRUIT, "someones-fruit"),
    offered("fruit", Instrumentor, FRUIT, "openinference-instrumentation-fruit"),
    offered("fruit", Instrumentor, FRUIT, "opentelemetry-instrumentation-fruit-v2", OFFICIAL),
    offered("fruits", Instrumentor, FRUIT, "opentelemetry-instrumentation-genai-fruit", OFFICIAL),
]


def test_of_several_for_one_library_the_official_one_is_chosen() -> None:
    found = instrumentors.offers(settings(), RIVALS)
    assert [(one.package, one.state) for one in found] == [
        ("opentelemetry-instrumentation-genai-fruit", "chosen"),
        ("opentelemetry-instrumentation-fruit-v2", "yields"),
        ("openinference-instrumentation-fruit", "yields"),
        ("opentelemetry-instrumentation-fruit", "yields"),
        ("someones-fruit", "yields"),
    ]
    assert {one.reason for one in found[1:]} == {"opentelemetry-instrumentation-genai-fruit"}


def test_the_settings_can_prefer_another_package() -> None:
    found = instrumentors.offers(settings(skip=("opentelemetry-*",)), RIVALS)
    assert [(one.package, one.state) for one in found][:2] == [
        ("openinference-instrumentation-fruit", "chosen"),
        ("someones-fruit", "yields"),
    ]


def test_only_one_of_several_is_switched_on(install: Any) -> None:
    other = "opentelemetry-instrumentation-genai-fruit"
    install(offered("fruit", Instrumentor, FRUIT), offered("fruit", Other, FRUIT, other))
    undo = instrumentors.instrument(settings())
    import fruit_client  # noqa: F401

    assert Instrumentor.calls == ["Other on"]
    undo()


def test_where_the_best_does_not_take_the_librarys_version_the_next_one_does(install: Any) -> None:
    best = "opentelemetry-instrumentation-genai-fruit"
    install(offered("fruit", Instrumentor, FRUIT), offered("fruit", Unfit, FRUIT, best))
    undo = instrumentors.instrument(settings())
    import fruit_client  # noqa: F401

    assert Instrumentor.calls == ["Instrumentor on"]
    assert list(instrumentors.refused) == [best]
    assert "fruit-client >= 9" in instrumentors.refused[best]
    undo()


def test_one_that_imports_another_ones_library_is_finished_first(install: Any) -> None:
    install(offered("fruit", Curious, FRUIT), offered("nut_client", Instrumentor, []))
    undo = instrumentors.instrument(settings())
    import fruit_client  # noqa: F401

    assert Instrumentor.calls == ["Curious on", "Instrumentor on"]
    undo()


def test_a_package_that_two_folders_of_the_path_hold_is_one() -> None:
    twice = [offered("fruit", Instrumentor, FRUIT), offered("fruit", Instrumentor, FRUIT)]
    assert len(instrumentors.offers(settings(), twice)) == 1


def test_two_libraries_of_one_package_are_not_rivals() -> None:
    both = ["httpx; extra == 'instruments-any'", "httpx2; extra == 'instruments-any'"]
    entries = [offered(name, Instrumentor, both, "p") for name in ("httpx", "httpx2")]
    found = instrumentors.offers(settings(), entries)
    assert [(one.state, sorted(one.modules)) for one in found] == [
        ("chosen", ["httpx"]),
        ("chosen", ["httpx2"]),
    ]


def test_a_framework_is_waited_for_where_its_instrumentation_can_be_loaded() -> None:
    lines = [
        f"{name}; extra == 'instruments'"
        for name in ("llama-index-core", "llama-index-instrumentation", "llama-index-workflows")
    ]
    assert instrumentors.target_modules(offered("llama_index", Instrumentor, lines)) == {
        "llama_index.core"
    }


def test_the_official_openai_package_is_for_openai() -> None:
    pytest.importorskip("opentelemetry.instrumentation.genai.openai")
    entries = list(entry_points(group=instrumentors.GROUP, name="openai"))
    assert [isinstance(entry, EntryPoint) for entry in entries] == [True]
    assert instrumentors.target_modules(entries[0]) == {"openai"}


class ContentCapturingMode(Enum):
    """As opentelemetry-util-genai has it."""

    NO_CONTENT = "no"
    SPAN_ONLY = "span"


CONTENT_CASES = {
    "the spans are ours": ({}, True, "local", ContentCapturingMode.SPAN_ONLY),
    "the program has its own provider": ({}, False, "local", ContentCapturingMode.NO_CONTENT),
    "content is counted and not kept": ({}, True, "off", ContentCapturingMode.SPAN_ONLY),
    "the variable says so": (
        {instrumentors.CONTENT_VARIABLE: "NO_CONTENT"},
        True,
        "local",
        ContentCapturingMode.NO_CONTENT,
    ),
}


@pytest.mark.parametrize("case", CONTENT_CASES)
def test_what_official_packages_record_of_prompts_when(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables, is_ours, content, expected = CONTENT_CASES[case]
    monkeypatch.delenv(instrumentors.CONTENT_VARIABLE, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("latprobe.otel.tracer.is_provider", lambda: is_ours)
    package = ModuleType("opentelemetry.util.genai.utils")
    package.__dict__.update(
        ContentCapturingMode=ContentCapturingMode,
        get_content_capturing_mode=lambda: ContentCapturingMode.NO_CONTENT,
    )
    monkeypatch.setitem(sys.modules, package.__name__, package)
    undo = instrumentors.instrument(replace(settings(), content=content))
    assert package.get_content_capturing_mode() is expected
    undo()
    assert package.get_content_capturing_mode() is ContentCapturingMode.NO_CONTENT
    assert instrumentors.CONTENT_VARIABLE not in os.environ.keys() - variables.keys()
