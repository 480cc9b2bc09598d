"""The lock that makes one process the owner of a store."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from latprobe.errors import StoreError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK_NAME = "agent.lock"


class StoreBusyError(StoreError):
    """Another process owns the store."""


def prepare_folder(home: Path) -> None:
    """Creates the store's folder for this user only. Raises StoreError."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        (home / "journal").mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        reason = "it is not a folder" if isinstance(error, FileExistsError) else error.strerror
        raise StoreError(
            f"{home} cannot be used as the store folder: {reason}. "
            "Set LATPROBE_HOME to a folder you can write."
        ) from error
    if hasattr(os, "geteuid") and os.geteuid() not in (0, os.stat(home).st_uid):
        raise StoreError(
            f"{home} belongs to another user. Set LATPROBE_HOME to a folder of your own."
        )


class FolderLock:
    """Held from `acquire` to `release`, or to the end of the process."""

    def __init__(self, home: Path) -> None:
        self._path = home / LOCK_NAME
        self._fd = -1

    def acquire(self, *, timeout_s: float = 0.0) -> None:
        """Raises StoreBusyError when another process holds it for longer than `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        try:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                f"{self._path} cannot be opened: {error.strerror}. "
                "Set LATPROBE_HOME to a folder you can write."
            ) from error
        while not self._try():
            if time.monotonic() >= deadline:
                self.release()
                raise StoreBusyError(f"Another process owns the store in {self._path.parent}.")
            threading.Event().wait(0.05)

    def release(self) -> None:
        """Lets the next owner in."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _try(self) -> bool:
        try:
            if fcntl is None:
                return _try_windows(self._fd)
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


def _try_windows(fd: int) -> bool:
    import msvcrt

    msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]  # Windows only
    return True
