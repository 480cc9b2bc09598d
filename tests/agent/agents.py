"""Agents as real processes, for tests; all are gone when the test is over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from latprobe.agent.address import read_address
from latprobe.agent.client import AgentClient, connect
from tests.waiting import wait_until


def start(home: Path, *options: str, idle_s: float = 30.0) -> subprocess.Popen[bytes]:
    """An agent as a child of the test, with more options of its command line."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    command = [sys.executable, "-m", "latprobe.agent", "--home", str(home), "--idle-s", str(idle_s)]
    command += options
    with open(home / "agent.log", "ab") as log:
        return subprocess.Popen(command, stderr=log)


def client_of(home: Path) -> AgentClient:
    """A client, as soon as an agent answers."""
    found: list[AgentClient] = []

    def answers() -> bool:
        client = connect(home)
        if client is not None:
            found.append(client)
        return client is not None

    wait_until(answers, timeout_s=20)
    return found[0]


@contextmanager
def running_agent(home: Path, *, idle_s: float = 30.0) -> Iterator[AgentClient]:
    """A client of an agent that is stopped at the end."""
    process = start(home, idle_s=idle_s)
    try:
        with client_of(home) as client:
            yield client
    finally:
        process.kill()
        process.wait()


def stop_detached(home: Path) -> None:
    """Ends an agent that was started by the code under test."""
    address = read_address(home)
    if address is not None:
        with suppress(ProcessLookupError):
            os.kill(address.pid, signal.SIGKILL)
        wait_until(lambda: connect(home) is None)
