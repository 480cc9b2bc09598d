"""Where a store's agent listens, and the file that says so.

Imported in the user's process: standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

ADDRESS_NAME = "agent.json"
SOCKET_NAME = "agent.sock"
# sun_path holds 108 bytes on Linux, 104 on macOS.
MAX_SOCKET_PATH = 100


@dataclass(frozen=True, slots=True)
class Address:
    """A living agent. `socket` is a path, or "127.0.0.1:port" where `token` must be shown."""

    pid: int
    socket: str
    version: str
    started_ns: int
    token: str | None = None


def read_address(home: Path) -> Address | None:
    """What the agent of `home` wrote last; it may be dead. None without a readable file."""
    try:
        values = json.loads((home / ADDRESS_NAME).read_text("utf-8"))
        return Address(**values)
    except (OSError, ValueError, TypeError):
        return None


def write_address(home: Path, address: Address) -> None:
    """Replaces the file in one step, readable by this user only."""
    temporary = home / f"{ADDRESS_NAME}.{os.getpid()}"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        json.dump(asdict(address), file)
    os.replace(temporary, home / ADDRESS_NAME)


def remove_address(home: Path) -> None:
    """Forgets the agent."""
    (home / ADDRESS_NAME).unlink(missing_ok=True)


def socket_path(home: Path) -> Path:
    """The agent's socket: in the store folder, or for a long path in a private temporary folder."""
    path = home / SOCKET_NAME
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
        return path
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    folder = Path(tempfile.gettempdir()) / f"latprobe-{user}"
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return folder / f"{digest}.sock"


def make_private(folder: Path) -> None:
    """Creates the folder for this user only. Raises PermissionError when it is somebody else's."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = os.lstat(folder)
    if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & 0o022):
        raise PermissionError(f"{folder} is not private to this user")
