"""Databases that were found damaged and kept aside: what lies beside the store, in words."""

from __future__ import annotations

from pathlib import Path

MARK = ".damaged-"
_NAMES = (f"latprobe.duckdb{MARK}*", f"latprobe.duckdb.wal{MARK}*")


def damaged_files(home: Path) -> tuple[str, ...]:
    """The names of the damaged databases, or logs of one, that are kept in the store's folder, the
    newest first."""
    found = [path for name in _NAMES for path in home.glob(name) if path.suffix != ".wal"]
    return tuple(path.name for path in sorted(found, key=_moved_ns, reverse=True))


def _moved_ns(path: Path) -> tuple[int, str]:
    digits = path.name.rpartition("-")[2]
    return int(digits) if digits.isdecimal() else 0, path.name


def damage(home: Path) -> str | None:
    """One sentence on what was damaged and where it is; None where nothing was."""
    names = damaged_files(home)
    if not names:
        return None
    what = "database's log" if names[0].startswith("latprobe.duckdb.wal") else "database"
    more = f" ({len(names) - 1} older beside it)" if len(names) > 1 else ""
    return f"The {what} in {home} was damaged and is kept aside as {names[0]}{more}."


def remedy(home: Path) -> str:
    """What to do about it, in a few words; for a store with a damaged file."""
    name = damaged_files(home)[0]
    return (
        "check the disk; put a backup back as latprobe.duckdb after `latprobe agent --stop`, or "
        f"record anew; delete or move {name} to end this message"
    )
