"""A program run as a child: our environment around it, its signals and exit code its own."""

from __future__ import annotations

import os
import signal
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from latprobe.errors import UsageError

_BOOT = Path(__file__).parents[1] / "_boot"

# What a terminal sends to the whole foreground group, so that the child has it already.
_FROM_KEYBOARD = ("SIGINT", "SIGQUIT")
_FORWARDED = (*_FROM_KEYBOARD, "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")


class CommandNotFoundError(UsageError):
    """There is no such program; the exit code is the shell's."""

    exit_code = 127


class CommandNotStartedError(UsageError):
    """The program is there but cannot be run; the exit code is the shell's."""

    exit_code = 126


@dataclass(frozen=True, slots=True)
class ChildRun:
    """What a child process and all it starts record under."""

    home: Path
    run_id: str
    service: str | None
    agent: bool

    @classmethod
    def create(cls, *, home: Path, service: str | None, agent: bool) -> ChildRun:
        """A run with an id of its own."""
        return cls(home=home, run_id=uuid.uuid4().hex, service=service, agent=agent)

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """`base` with recording switched on through `_boot/sitecustomize.py`."""
        boot = str(_BOOT)
        path = base.get("PYTHONPATH")
        added = {
            "PYTHONPATH": f"{boot}{os.pathsep}{path}" if path else boot,
            "LATPROBE_AUTO": "1",
            "LATPROBE_RUN_ID": self.run_id,
            "LATPROBE_RUN_PID": str(os.getpid()),
            "LATPROBE_HOME": str(self.home),
            "LATPROBE_AGENT": "on" if self.agent else "off",
        }
        if self.service is not None:
            added["LATPROBE_SERVICE"] = self.service
        return {**base, **added}


def run_child(command: Sequence[str], child: ChildRun) -> int:
    """Runs `command` to its end; gives back its exit code, 128 + n after signal n.

    Raises CommandNotFoundError or CommandNotStartedError. Main thread only.
    """
    try:
        process = subprocess.Popen(command, env=child.environment(os.environ))
    except FileNotFoundError:
        raise CommandNotFoundError(
            f"{command[0]} is not a command on PATH; check the name or give its path."
        ) from None
    except OSError as error:
        raise CommandNotStartedError(
            f"{command[0]} cannot be started: {error.strerror}; "
            f"for a script write its interpreter too, as in `latprobe run -- python {command[0]}`."
        ) from None
    with _forwarding_signals(process):
        code = process.wait()
    return code if code >= 0 else 128 - code


@contextmanager
def _forwarding_signals(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """While inside, signals sent to us go to the child instead of ending us."""

    def forward(number: int, _frame: FrameType | None) -> None:
        if signal.Signals(number).name in _FROM_KEYBOARD and _is_foreground():
            return
        process.send_signal(number)

    numbers = [getattr(signal, name) for name in _FORWARDED if hasattr(signal, name)]
    # A signal that is ignored (nohup) stays ignored, for the child as well.
    numbers = [n for n in numbers if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, forward) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_foreground() -> bool:
    """Whether a terminal's Ctrl-C reaches our process group, and so the child, by itself."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
