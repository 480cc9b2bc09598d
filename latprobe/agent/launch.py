"""Starting the agent from the user's process: cheap, detached, quiet.

Standard library only, and no `subprocess`: this is imported with `latprobe.init`.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from latprobe.agent.address import ADDRESS_NAME
from latprobe.store.folder_lock import AGENT, LOCK_NAME

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

START_TIMEOUT_S = 15.0
# An interpreter that does not take the lock within this time has failed to start.
FIRST_SIGN_S = 8.0

# What makes a process record, or start interactive: not for the agent.
_DROPPED = (
    "LATPROBE_RUN_ID",
    "LATPROBE_RUN_SERVICE",
    "LATPROBE_AUTO",
    "PYTHONINSPECT",
    "PYTHONSTARTUP",
    "PYTHONHASHSEED",
)

# Settings that are the agent's business.
_AGENTS = (
    "otlp_endpoint", "otlp_content", "prometheus_port", "otlp_receiver", "otlp_token", "content",
    "redact", "redact_with", "content_max_bytes", "thumbnails", "prices", "tokenizers",
    "engines",
)  # fmt: skip


def ensure_agent(
    home: Path, *, wait: bool, idle_s: float | None = None, timeout_s: float = START_TIMEOUT_S
) -> bool:
    """Whether an agent lives, or was started, for the store in `home`.

    With `wait` it answers its socket when this returns True. Where no process may be started or
    the folder cannot be written this is False, without a word.
    """
    home = Path(home).absolute()
    try:
        is_started = not _has_agent(home)
        if is_started:
            _start(home, idle_s)
        if not wait or _wait_for_answer(home, timeout_s):
            return True
        if is_started:
            return False
        _start(home, idle_s)  # the one that was there has left
    except (OSError, ValueError):
        return False
    return _wait_for_answer(home, timeout_s)


def flush_through_agent(home: Path, *, timeout_s: float) -> bool:
    """True once all that is in the journal now is in the store; False when no agent managed that
    in time."""
    if not ensure_agent(home, wait=True, timeout_s=timeout_s):
        return False
    from latprobe.agent.client import connect
    from latprobe.errors import LatprobeError

    client = connect(home)
    if client is None:
        return False
    try:
        return client.flush(timeout_s)
    except LatprobeError:
        return False
    finally:
        client.close()


def _has_agent(home: Path) -> bool:
    return _lock_owner(home) == AGENT


def _lock_owner(home: Path) -> bytes | None:
    """What the owner of the store wrote into its lock, None when nobody owns it.

    The shared lock is held for microseconds only, and an agent that meets it tries again.
    """
    if fcntl is None:
        return AGENT if (home / ADDRESS_NAME).exists() else None
    try:
        fd = os.open(home / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.read(fd, 16)
    finally:
        os.close(fd)
    return None


def _start(home: Path, idle_s: float | None) -> None:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not sys.executable:
        raise OSError("no interpreter to start")
    command = [sys.executable, "-P", "-m", "latprobe.agent", "--home", str(home)]
    if idle_s is not None:
        command += ["--idle-s", str(idle_s)]
    log_path = home / "agent.log"
    if hasattr(os, "posix_spawn") and os.path.exists("/bin/sh"):
        _spawn(command, log_path)
    else:
        _popen(command, log_path)


def _spawn(command: list[str], log_path: Path) -> None:
    """Through a shell that leaves at once, so that the agent is nobody's child and no zombie."""
    arguments = ["/bin/sh", "-c", 'cd / && "$@" &', "sh", *command]
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (
            os.POSIX_SPAWN_OPEN,
            1,
            os.fspath(log_path),
            os.O_WRONLY | os.O_CREAT | os.O_APPEND,
            0o600,
        ),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    options = {
        "file_actions": actions,
        "setsigmask": (),
        "setsigdef": (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD),
    }
    try:
        pid = os.posix_spawn("/bin/sh", arguments, _environment(), setsid=True, **options)  # type: ignore[arg-type]  # one dict of mixed keywords
    except NotImplementedError:
        pid = os.posix_spawn("/bin/sh", arguments, _environment(), setpgroup=0, **options)  # type: ignore[arg-type]  # the same
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        return  # the program reaps all children by itself


def _popen(command: list[str], log_path: Path) -> None:
    import subprocess

    with open(log_path, "ab") as log:
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_environment(),
            start_new_session=True,
        )


def _environment() -> dict[str, str]:
    values = {key: value for key, value in os.environ.items() if key not in _DROPPED}
    parts = [
        os.path.abspath(part)
        for part in values.get("PYTHONPATH", "").split(os.pathsep)
        if part and Path(part).parts[-2:] != ("latprobe", "_boot")
    ]
    root = str(Path(__file__).resolve().parents[2])
    if Path(root).name not in ("site-packages", "dist-packages") and root not in parts:
        parts.append(root)  # run from a checkout that is not installed
    values.pop("PYTHONPATH", None)
    if parts:
        values["PYTHONPATH"] = os.pathsep.join(parts)
    return {**_agents_settings(), **values}


def _agents_settings() -> dict[str, str]:
    """What `[tool.latprobe]` says to the agent, which does not see the project's folder."""
    from latprobe.config import load_settings
    from latprobe.errors import UsageError
    from latprobe.setting_values import setting_text

    try:
        settings = load_settings()
    except UsageError:
        return {}  # said where the program's own settings were read
    said = {name: setting_text(getattr(settings, name)) for name in _AGENTS}
    return {
        f"LATPROBE_{name.upper()}": text
        for name, text in said.items()
        if text is not None and name in settings.sources
    }


def _wait_for_answer(home: Path, timeout_s: float) -> bool:
    import threading

    from latprobe.agent.client import connect

    pause = threading.Event()
    started = time.monotonic()
    was_locked = False
    while (waited := time.monotonic() - started) < timeout_s:
        client = connect(home)
        if client is not None:
            client.close()
            return True
        is_locked = _lock_owner(home) is not None
        if (was_locked and not is_locked) or (not was_locked and waited > FIRST_SIGN_S):
            return False  # it has left again: agent.log says why
        was_locked = was_locked or is_locked
        pause.wait(0.02)
    return False
