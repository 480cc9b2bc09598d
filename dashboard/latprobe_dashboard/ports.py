"""Which port the dashboard listens on, and that no other dashboard takes it meanwhile."""

from __future__ import annotations

import os
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path

from latprobe.errors import UsageError

try:
    import fcntl
except ImportError:  # Windows: two that start in the same second may want the same port
    fcntl = None  # type: ignore[assignment]

FIRST_PORT = 8788
PORTS_TRIED = 40


@dataclass(frozen=True, slots=True)
class Port:
    """A port that this process has claimed among dashboards; `fd` is the lock's, or -1."""

    number: int
    fd: int = -1

    def release(self) -> None:
        """Lets another dashboard have it."""
        if self.fd >= 0:
            os.close(self.fd)


def claim(host: str, wanted: int | None) -> Port:
    """The wanted port if it is free (0: any), else the first free one from FIRST_PORT.

    The server binds it seconds later; a lock keeps a second dashboard off it until then. Raises
    UsageError for a port that is in use or that cannot be.
    """
    if wanted is not None:
        if wanted == 0 or _is_free(host, wanted):
            return Port(wanted or _any_port(host))
        raise UsageError(
            f"Port {wanted} on {host} is in use. Choose another one with --port, "
            "or leave --port away to get the first free one."
        )
    for number in range(FIRST_PORT, FIRST_PORT + PORTS_TRIED):
        fd = _locked(number)
        if fd is None:
            continue
        if _is_free(host, number):
            return Port(number, fd)
        Port(number, fd).release()
    last = FIRST_PORT + PORTS_TRIED - 1
    raise UsageError(f"Ports {FIRST_PORT} to {last} are all in use. Choose one with --port.")


def _locked(number: int) -> int | None:
    """A locked file for the port; None while another process has it, -1 where nothing locks."""
    if fcntl is None:
        return -1
    path = Path(tempfile.gettempdir()) / f"latprobe-dashboard-{os.getuid()}-{number}.lock"
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:
        return -1
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    return fd


def _is_free(host: str, port: int) -> bool:
    try:
        with _bound(host, port):
            return True
    except OSError as error:
        if isinstance(error, socket.gaierror) or error.errno == 99:
            raise UsageError(f"{host} is not an address of this machine ({error}).") from error
        return False
    except OverflowError:
        raise UsageError(f"{port} is not a port; write 1 to 65535.") from None


def _any_port(host: str) -> int:
    with _bound(host, 0) as listener:
        return int(listener.getsockname()[1])


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except BaseException:
        listener.close()
        raise
    return listener
