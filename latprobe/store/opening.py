"""Opens the store's database; one that cannot be opened is moved aside and replaced."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import duckdb

from latprobe.errors import StoreError
from latprobe.store.database import Database

log = logging.getLogger("latprobe.agent")

# What DuckDB says of a damaged file. Only these move the file: a full disk, a lock, missing
# rights or a newer storage version must leave it where it is.
_DAMAGE = ("not a valid duckdb", "corrupt", "could not read enough", "replaying wal", "checksum")
_DAMAGED_LOG = "replaying wal"
_NEWER = "version number"


def open_database(path: Path, notes: list[str]) -> Database:
    """The database at `path`, created where there is none.

    A damaged one becomes `<name>.damaged-<time>` and is replaced by an empty one, which is added
    to `notes`. Raises StoreError for every other reason.
    """
    try:
        return _open_private(path)
    except duckdb.Error as error:
        text = str(error).lower()
        if _NEWER in text:
            raise StoreError(
                f"{path} was written by a newer DuckDB: {first_line(error)} "
                "Upgrade with `pip install -U latprobe duckdb`."
            ) from error
        if not any(word in text for word in _DAMAGE):
            raise StoreError(
                f"{path} cannot be opened: {first_line(error)} "
                "Set LATPROBE_HOME to a folder you can write."
            ) from error
        return _reopen(path, error, notes)


def _reopen(path: Path, error: duckdb.Error, notes: list[str]) -> Database:
    """Without its log if that is what is damaged, else empty."""
    if _DAMAGED_LOG in str(error).lower():
        notes.append(_move_log_aside(path, error))
        try:
            return _open_private(path)
        except duckdb.Error as second:
            error = second
    notes.append(_move_aside(path, error))
    try:
        return _open_private(path)
    except duckdb.Error as last:
        raise StoreError(f"{path} cannot be created: {first_line(last)}") from last


def _open_private(path: Path) -> Database:
    """Files that DuckDB creates while opening are readable by this user only."""
    mask = os.umask(0o077)
    try:
        return Database(path)
    finally:
        os.umask(mask)


def _move_log_aside(path: Path, error: duckdb.Error) -> str:
    log_path = _log_of(path)
    aside = log_path.with_name(f"{log_path.name}.damaged-{time.time_ns()}")
    _rename(log_path, aside, error)
    return _noted(
        f"The database's log was damaged ({first_line(error)}). It is kept as {aside.name}; spans "
        "of the last minutes before the damage may be missing."
    )


def _move_aside(path: Path, error: duckdb.Error) -> str:
    aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
    _rename(path, aside, error)
    if _log_of(path).exists():
        _rename(_log_of(path), _log_of(aside), error)
    return _noted(
        f"The database could not be opened ({first_line(error)}). It is kept as {aside.name}; "
        "a new one was started from the journal."
    )


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + ".wal")


def _rename(path: Path, aside: Path, error: duckdb.Error) -> None:
    try:
        path.rename(aside)
    except OSError as failure:
        raise StoreError(
            f"{path} is damaged ({first_line(error)}) and cannot be moved: {failure.strerror}. "
            "Move it away by hand."
        ) from error


def _noted(note: str) -> str:
    log.error("%s", note)
    return note


def first_line(error: BaseException) -> str:
    """The error in one line."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
