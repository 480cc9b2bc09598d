"""`python -m latprobe.agent --home FOLDER`: one agent, in this process."""

from __future__ import annotations

import argparse
import importlib.abc
import importlib.machinery
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from latprobe.agent.address import ADDRESS_NAME
from latprobe.config import load_settings
from latprobe.errors import LatprobeError
from latprobe.store.folder_lock import AGENT, FolderLock, StoreBusyError, prepare_folder
from latprobe_collectors.otlp.listening import Listening

LOCK_TIMEOUT_S = 5.0
MAX_LOG_BYTES = 4 << 20
MAX_INHERITED_FD = 65_536


class _NoPandas(importlib.abc.MetaPathFinder):
    """Hides pandas: pyarrow imports it, if it is there, for 1.2 s of CPU that nobody uses here."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname == "pandas":
            raise ModuleNotFoundError(name=fullname)
        return None


def main(arguments: list[str] | None = None) -> int:
    """Runs the agent; gives back the exit code, 0 also when another agent has the store."""
    parser = argparse.ArgumentParser(prog="latprobe.agent", description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--idle-s", type=float, default=10.0)
    parser.add_argument("--foreground", action="store_true")
    parser.add_argument("--otlp", action="store_true", help="receive OTLP")
    parser.add_argument("--otlp-host", default=None)
    parser.add_argument("--otlp-http-port", type=int, default=None)
    parser.add_argument("--otlp-grpc-port", type=int, default=None)
    options = parser.parse_args(arguments)
    if not options.foreground:
        # A pipe inherited from the program that started us would never reach its end.
        os.closerange(3, MAX_INHERITED_FD)
    home: Path = options.home.expanduser().absolute()
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    try:
        listening = listening_place(
            is_asked=options.otlp,
            host=options.otlp_host,
            http_port=options.otlp_http_port,
            grpc_port=options.otlp_grpc_port,
        )
        return run(home, idle_s=options.idle_s, foreground=options.foreground, listening=listening)
    except LatprobeError as error:
        logging.getLogger("latprobe.agent").error("%s", error)
        return error.exit_code


def listening_place(
    *, is_asked: bool, host: str | None, http_port: int | None, grpc_port: int | None
) -> Listening | None:
    """Where to receive OTLP, None for nowhere: neither asked for nor set. Raises UsageError."""
    settings = load_settings()
    if not is_asked and not settings.otlp_receiver:
        return None
    asked = {"host": host, "http_port": http_port, "grpc_port": grpc_port}
    given: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    place = Listening(
        token=settings.otlp_token,
        keeps_content=settings.content != "off",
        thumbnails=settings.thumbnails,
        redact=settings.redact,
        redact_with=settings.redact_with,
        **given,
    )
    place.check()
    return place


def run(home: Path, *, idle_s: float, foreground: bool, listening: Listening | None = None) -> int:
    """The agent's life from the lock on. Raises LatprobeError."""
    os.umask(0o077)
    prepare_folder(home)
    lock = _own(home)
    if lock is None:
        if foreground:
            raise StoreBusyError(
                f"An agent already runs for {home}. Stop it first; its process number is in "
                f"{home / ADDRESS_NAME}."
            )
        return 0
    if not foreground:
        _step_back(home)
    sys.meta_path.insert(0, _NoPandas())
    from latprobe.agent.process import AgentProcess

    stay_s = float("inf") if foreground else idle_s
    AgentProcess(home, lock, idle_s=stay_s, listening=listening).run()
    return 0


def _own(home: Path) -> FolderLock | None:
    """The lock, or None when an agent has it. A CLI command may have it too, but not for long."""
    from latprobe.agent.client import connect

    lock = FolderLock(home)
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            lock.acquire(timeout_s=0.1)
        except StoreBusyError:
            client = connect(home)
            if client is not None:
                client.close()
                return None
            if time.monotonic() > deadline:
                return None
        else:
            lock.mark(AGENT)
            return lock


def _step_back(home: Path) -> None:
    """The pipeline comes first; and the log does not grow for ever."""
    if hasattr(os, "nice"):
        os.nice(5)
    log_path = home / "agent.log"
    try:
        if log_path.stat().st_size > MAX_LOG_BYTES:
            os.truncate(log_path, 0)
    except OSError:
        return


if __name__ == "__main__":
    sys.exit(main())
