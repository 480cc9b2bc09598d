"""Fixtures every test has: our own faults raise, and nothing touches the user's store.

Under LATPROBE_TEST_REQUIRE_ALL=1 a skip is a failure, on Linux: elsewhere some tests have no place.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TypeVar

os.environ["LATPROBE_STRICT"] = "1"
# Agents and commands that tests start share their bytecode; under this variable each of them
# compiles all that it imports anew, which was a third of these tests' time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import hypothesis
import pytest

from latprobe import guard
from latprobe.testing import CountingIds, FakeClock, MemorySink, capture

sys.dont_write_bytecode = False  # of this process, which has read the variable

# The same examples on every machine, however slow that is.
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True)
hypothesis.settings.load_profile("repeatable")

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

ALL_MUST_RUN = os.environ.get("LATPROBE_TEST_REQUIRE_ALL") == "1" and sys.platform == "linux"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test's skip, or one of its fixtures'."""
    return _as_failure((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A whole file's skip."""
    return _as_failure((yield))


def _as_failure(report: Report) -> Report:
    if ALL_MUST_RUN and report.skipped:
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{why} (nothing may be skipped under LATPROBE_TEST_REQUIRE_ALL=1)"
    return report


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
