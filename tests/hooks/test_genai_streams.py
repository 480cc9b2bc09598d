"""Chunk times from opentelemetry-util-genai, and what happens to a version of it without them."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from latprobe.config import Settings
from latprobe.hooks import genai_streams
from latprobe.recorder import make_stage
from latprobe.testing import FakeClock, MemorySink

SETTINGS = Settings(home=Path("unused"))


class GenAIInvocation:
    """As opentelemetry-util-genai has it, as far as it is patched."""

    def __init__(self, span: object, *, owns_span: bool = True) -> None:
        self.span = span
        self._start_span = owns_span
        self.seen: list[float] = []

    def _on_stream_chunk(self, chunk_at: float) -> None:
        self.seen.append(chunk_at)


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType(genai_streams.MODULE)
    monkeypatch.setitem(__import__("sys").modules, genai_streams.MODULE, module)
    return module


def test_each_chunk_is_noted_on_the_span_and_goes_on(
    package: ModuleType, sink: MemorySink, clock: FakeClock
) -> None:
    package.GenAIInvocation = GenAIInvocation  # type: ignore[attr-defined]
    undo = genai_streams.instrument(SETTINGS)
    with make_stage("chat", None, {}) as span:
        invocation = GenAIInvocation(span)
        invocation._on_stream_chunk(1.0)
        invocation._on_stream_chunk(2.0)
        assert len(span.chunk_times().times) == 2
    assert invocation.seen == [1.0, 2.0]
    undo()
    assert "noting" not in GenAIInvocation._on_stream_chunk.__code__.co_name


def test_a_call_inside_another_that_shares_its_span_adds_nothing(
    package: ModuleType, sink: MemorySink, clock: FakeClock
) -> None:
    package.GenAIInvocation = GenAIInvocation  # type: ignore[attr-defined]
    undo = genai_streams.instrument(SETTINGS)
    with make_stage("chat", None, {}) as span:
        GenAIInvocation(span, owns_span=False)._on_stream_chunk(1.0)
        assert span.chunk_times().times == []
    undo()


def test_another_providers_span_is_left_alone(package: ModuleType) -> None:
    package.GenAIInvocation = GenAIInvocation  # type: ignore[attr-defined]
    undo = genai_streams.instrument(SETTINGS)
    invocation = GenAIInvocation(object())
    invocation._on_stream_chunk(1.0)
    assert invocation.seen == [1.0]
    undo()


def test_a_version_without_that_method_is_left_alone(package: ModuleType) -> None:
    package.GenAIInvocation = object  # type: ignore[attr-defined]
    genai_streams.instrument(SETTINGS)()
