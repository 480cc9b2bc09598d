"""Fixtures every test has: our own faults raise, and nothing touches the user's store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

os.environ["LATPROBE_STRICT"] = "1"

import pytest

from latprobe import guard
from latprobe.testing import CountingIds, FakeClock, MemorySink, capture


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_strict", True)
    for name in [name for name in os.environ if name.startswith(("LATPROBE_", "OTEL_"))]:
        if name not in ("LATPROBE_STRICT", "LATPROBE_TEST_REQUIRE_ALL"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("LATPROBE_HOME", str(tmp_path / "store"))


@pytest.fixture
def clock() -> FakeClock:
    """Time that moves when told to."""
    return FakeClock()


@pytest.fixture
def sink(clock: FakeClock) -> Iterator[MemorySink]:
    """What the test records, with fake time and counted ids."""
    with capture(clock, CountingIds()) as memory:
        yield memory
