"""The simulated model's server as a process of its own, as a real model's would be."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# What `simulated_model` calls itself; to ask the server would be one more request.
MODEL_NAME = "simulated-7b"

_SERVER_FILE = Path(__file__).parents[1] / "llm_server.py"
_STOP_TIMEOUT_S = 5


@contextmanager
def serving(*, seed: int) -> Iterator[str]:
    """The base URL of a running server, which ends with the block.

    `-E` keeps PYTHON* variables from it: a model server is somebody else's process, and what
    the caller loads into its own Python does not belong there.
    """
    command = [sys.executable, "-E", str(_SERVER_FILE), "--seed", str(seed)]
    server = subprocess.Popen(
        [*command, "--until-stdin-closes"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield _base_url(server)
    finally:
        server.terminate()
        server.communicate(timeout=_STOP_TIMEOUT_S)


def _base_url(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    if not url:
        raise RuntimeError(f"{_SERVER_FILE.name} ended before it listened; run it by hand to see")
    return url
