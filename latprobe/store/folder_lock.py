"""The lock that makes one process the owner of a store."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from latprobe.errors import StoreError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK_NAME = "agent.lock"
# What an agent writes into the lock while it takes in the journal. A command that owns the store
# for its own duration leaves the file empty, since no writer can count on it.
AGENT = b"agent"
OWN_NAMES = {"journal", LOCK_NAME, "agent.log"}


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
    _make_private(home)
    if hasattr(os, "geteuid") and os.geteuid() not in (0, os.stat(home).st_uid):
        raise StoreError(
            f"{home} belongs to another user. Set LATPROBE_HOME to a folder of your own."
        )


def _make_private(home: Path) -> None:
    """Closes a folder that holds nothing but a store; other folders keep the mode they have."""
    with suppress(OSError):
        if os.stat(home).st_mode & 0o077 and set(os.listdir(home)) <= OWN_NAMES:
            os.chmod(home, 0o700)


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
        self.mark(b"")

    def release(self) -> None:
        """Lets the next owner in."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def mark(self, note: bytes) -> None:
        """Writes into the locked file what its owner is: AGENT, or nothing."""
        os.ftruncate(self._fd, 0)
        os.write(self._fd, note)
        os.lseek(self._fd, 0, os.SEEK_SET)

    def is_ours(self) -> bool:
        """False once the store's folder was removed, or replaced, under its owner."""
        try:
            found = os.stat(self._path)
        except OSError:
            return False
        return self._fd >= 0 and os.path.samestat(found, os.fstat(self._fd))

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
