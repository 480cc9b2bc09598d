"""The commands through the real `main()`, on a seeded store, 120 columns wide, in UTC."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from latprobe.cli.main import main
from tests.cli.seeded_store import seed


class Result(NamedTuple):
    """What one command line gave back."""

    code: int
    out: str
    err: str


Cli = Callable[..., Result]

CHECKOUT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(autouse=True)
def plain_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No agent, no colour, no store or settings of the person who runs the tests."""
    for name in ("LATPROBE_SERVICE", "LATPROBE_RUN_ID", "OTEL_SERVICE_NAME"):
        monkeypatch.delenv(name, raising=False)
    # For child processes, where latprobe is not installed but tested from its checkout.
    monkeypatch.setenv("PYTHONPATH", str(CHECKOUT))
    monkeypatch.setenv("LATPROBE_AGENT", "off")
    monkeypatch.setenv("LATPROBE_HOME", str(tmp_path / "store"))
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Cli:
    """Runs one command line in this process; what its child processes print is captured too."""

    def run(*argv: str) -> Result:
        capfd.readouterr()
        code = main(argv)
        captured = capfd.readouterr()
        return Result(code, captured.out, captured.err)

    return run


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Four requests recorded, the second one failed; LATPROBE_HOME points at it."""
    return seed(tmp_path / "store")
