"""Whether the store can be used: folder, disk, database, agent, journal."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from latprobe.cli import figures
from latprobe.cli.export_checks import export_findings
from latprobe.cli.finding import Finding
from latprobe.errors import LatprobeError, NoDataError
from latprobe.store.damaged_files import damage, damaged_files, remedy

if TYPE_CHECKING:
    from latprobe.config import Settings
    from latprobe.store.status import StoreStatus

LOW_DISK_BYTES = 1 << 30
FOREIGN_ACCESS = 0o077


def check_all(settings: Settings) -> Iterator[Finding]:
    """All findings about the store in force; `fail` means that it cannot be used."""
    source = settings.sources.get("home", "the default")
    if not settings.home.exists():
        text = f"{settings.home} does not exist yet (from {source}); the first recording makes it"
        yield Finding("store", "note", text)
        yield from _disk(_existing_parent(settings.home))
        return
    folder = list(_folder(settings.home, source))
    yield from folder
    yield from _disk(settings.home)
    if not any(finding.state == "fail" for finding in folder):
        yield from _contents(settings)


def _folder(home: Path, source: str) -> Iterator[Finding]:
    if not home.is_dir():
        advice = "point LATPROBE_HOME or --home at a folder"
        yield Finding("store", "fail", f"{home} is not a folder", advice)
        return
    about = home.stat()
    if hasattr(os, "getuid") and about.st_uid != os.getuid():
        text = f"{home} belongs to user {about.st_uid}, not to you"
        yield Finding("store", "fail", text, "set LATPROBE_HOME to a folder of your own")
        return
    if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        yield Finding("store", "fail", f"{home} cannot be written", f"chmod u+rwx {home}")
        return
    if about.st_mode & FOREIGN_ACCESS:
        text = f"{home} can be read by other users"
        yield Finding("store", "warn", text, f"chmod 700 {home}")
    else:
        yield Finding("store", "ok", f"{home} (from {source})")


def _disk(folder: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(folder).free
    text = f"{figures.size(free)} free"
    if free < LOW_DISK_BYTES:
        advice = "free some space, or shrink the store: latprobe prune --max-size 1GB"
        yield Finding("disk", "warn", text, advice)
    else:
        yield Finding("disk", "ok", text)


def _contents(settings: Settings) -> Iterator[Finding]:
    from latprobe.store.reader import open_reader

    try:
        with open_reader(settings.home, start_agent=False) as store:
            status = store.status()
            exports = export_findings(store.query)
    except NoDataError:
        yield Finding("database", "note", "nothing is recorded yet")
    except LatprobeError as error:
        yield Finding("database", "fail", str(error))
    else:
        yield from _status(status, settings)
        yield from exports


def _status(status: StoreStatus, settings: Settings) -> Iterator[Finding]:
    yield Finding(
        "database",
        "ok",
        f"schema {status.schema_version}, {figures.size(status.db_bytes)}, "
        f"{figures.many(status.spans, 'span')} in {figures.many(status.traces, 'request')}, "
        f"{figures.local_time(status.oldest_ns)} to {figures.local_time(status.newest_ns)}",
    )
    kept = damaged_files(status.home)
    for note in status.notes:
        if not any(name in note for name in kept):  # told below, with what to do
            yield Finding("database", "warn", note)
    found = damage(status.home)
    if found is not None:
        state: Literal["fail", "warn"] = "warn" if status.spans else "fail"
        yield Finding("damaged", state, found, remedy(status.home))
    yield _agent(status, settings)
    yield Finding(
        "journal",
        "ok",
        f"{figures.size(status.journal_bytes)} in {status.pending_segments} segments to take in",
    )
    if status.uncounted_calls:
        yield Finding(
            "tokens",
            "note",
            f"{figures.many(status.uncounted_calls, 'model call')} to be counted",
            "the agent counts a call when its request is over, or 20 s after it",
        )
    if status.quarantined:
        yield Finding(
            "quarantine",
            "warn",
            f"{_files(status.quarantined)} kept aside in {status.home}/quarantine",
            "what could be read is in the store; keep them for a bug report or delete them",
        )
    if status.dropped:
        yield Finding(
            "drops",
            "warn",
            f"{figures.many(status.dropped, 'span')} dropped",
            "the disk was full or the program outran it; see the disk line above",
        )


def _agent(status: StoreStatus, settings: Settings) -> Finding:
    if status.agent_pid is not None:
        since = figures.local_time(status.agent_started_ns)
        return Finding("agent", "ok", f"runs as process {status.agent_pid} since {since}")
    if not settings.agent:
        source = settings.sources.get("agent", "settings")
        return Finding("agent", "note", f"switched off ({source}); readers take the spans in")
    return Finding("agent", "ok", "not running; it starts with the next recording or reader")


def _existing_parent(path: Path) -> Path:
    return next(folder for folder in path.parents if folder.exists())


def _files(count: int) -> str:
    return "1 unreadable file is" if count == 1 else f"{count} unreadable files are"
