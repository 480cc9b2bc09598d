"""`latprobe agent`, with a real agent process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import CHECKOUT, Cli


@pytest.fixture
def foreground(store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    """`latprobe agent --foreground` on the seeded store, once it owns it."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(CHECKOUT), str(CHECKOUT / "collectors")]))
    process = subprocess.Popen(
        [sys.executable, "-m", "latprobe.cli", "agent", "--foreground"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = process.stderr.readline()
    assert said == f"latprobe: agent for {store} as process {process.pid} (Ctrl-C ends it)\n"
    assert f"agent {process.pid} owns {store}" in process.stderr.readline()
    yield process
    if process.poll() is None:
        process.kill()
    process.stderr.close()
    process.wait()


def test_without_an_agent_status_and_stop_say_so(cli: Cli, store: Path) -> None:
    assert cli("agent").out == (
        f"No agent runs for {store}; it starts with the next recording or reader.\n"
    )
    assert json.loads(cli("agent", "--status", "--json").out) == {
        "running": False,
        "home": str(store),
    }
    assert cli("agent", "--stop") == (0, "", f"latprobe: no agent runs for {store}\n")


def test_status_names_the_living_agent_and_commands_read_through_it(
    cli: Cli, foreground: subprocess.Popen[str]
) -> None:
    found = json.loads(cli("agent", "--status", "--json").out)
    assert (found["running"], found["pid"]) == (True, foreground.pid)
    assert f"Process {foreground.pid} (latprobe " in cli("agent").out
    assert cli("sql", "SELECT count(*) AS n FROM spans", "--csv").out == "n\n20\n"


def test_stop_ends_it_and_the_store_is_free(cli: Cli, foreground: subprocess.Popen[str]) -> None:
    found = cli("agent", "--stop")
    assert found.code == 0
    assert found.err.startswith(f"latprobe: agent {foreground.pid} has left")
    assert foreground.wait(timeout=20) == 0


def test_ctrl_c_ends_the_foreground_agent_in_order(foreground: subprocess.Popen[str]) -> None:
    foreground.send_signal(signal.SIGINT)
    assert foreground.wait(timeout=20) == 0


def test_a_second_agent_is_refused(cli: Cli, foreground: subprocess.Popen[str]) -> None:
    found = cli("agent", "--foreground")
    assert (found.code, found.out) == (4, "")
    assert f"Process {foreground.pid} is this store's agent already; end it first:" in found.err


def test_two_of_its_options_at_once_are_refused(cli: Cli) -> None:
    found = cli("agent", "--foreground", "--stop")
    assert (found.code, found.out) == (2, "")
    assert "exclude each other" in found.err
