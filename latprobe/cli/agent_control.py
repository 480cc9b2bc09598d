"""The store's agent, asked, started and stopped from the command line."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from latprobe.cli import figures, messages, output
from latprobe.errors import StoreError

if TYPE_CHECKING:
    from latprobe.agent.address import Address
    from latprobe_collectors.otlp.listening import Listening

STOP_TIMEOUT_S = 20.0


def living_agent(home: Path) -> Address | None:
    """The agent that answers for this store; None without one."""
    from latprobe.agent.client import connect

    client = connect(home)
    if client is None:
        return None
    client.close()
    return client.address


def listening_place(
    *, is_asked: bool, host: str | None, http_port: int | None, grpc_port: int | None
) -> Listening | None:
    """Where the agent is to receive OTLP; None for nowhere. Raises UsageError."""
    from latprobe.agent import __main__ as agent

    return agent.listening_place(
        is_asked=is_asked, host=host, http_port=http_port, grpc_port=grpc_port
    )


def run_foreground(home: Path, listening: Listening | None = None) -> None:
    """Runs the agent in this process until Ctrl-C; its log goes to stderr."""
    import logging

    from latprobe.agent.__main__ import run

    agent = living_agent(home)
    if agent is not None:
        raise StoreError(
            f"Process {agent.pid} is this store's agent already; end it first: "
            f"latprobe agent --stop --home {home}"
        )
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    messages.say(f"agent for {home} as process {os.getpid()} (Ctrl-C ends it)")
    run(home, idle_s=float("inf"), foreground=True, listening=listening)


def print_status(home: Path, *, as_json: bool) -> None:
    """Says whether an agent runs; with none, nothing is wrong."""
    agent = living_agent(home)
    if as_json:
        known = {} if agent is None else asdict(agent)
        known.pop("token", None)
        output.data({"running": agent is not None, "home": str(home), **known})
    elif agent is None:
        output.line(f"No agent runs for {home}; it starts with the next recording or reader.")
    else:
        since = figures.local_time(agent.started_ns)
        output.line(
            f"Process {agent.pid} (latprobe {agent.version}) is the agent of {home} since {since}."
        )


def stop(home: Path) -> None:
    """Asks the agent to finish and waits until it has left. Raises StoreError when it stays."""
    from latprobe.agent.client import AgentGoneError, connect
    from latprobe.store.folder_lock import FolderLock, StoreBusyError

    client = connect(home)
    if client is None:
        messages.say(f"no agent runs for {home}")
        return
    with messages.working("Waiting for the agent to finish"):
        with suppress(AgentGoneError):  # it may be gone before it has answered
            client.stop()
        client.close()
        lock = FolderLock(home)
        try:
            lock.acquire(timeout_s=STOP_TIMEOUT_S)
        except StoreBusyError:
            raise StoreError(
                f"The agent (process {client.address.pid}) has not left after {STOP_TIMEOUT_S:.0f} "
                f"s; {home}/agent.log says what it does."
            ) from None
        lock.release()
    messages.say(f"agent {client.address.pid} has left; all it had taken in is stored")
