"""The store opened for one command, with what was recorded up to now already in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from latprobe.cli import messages
from latprobe.cli.options import settings_for

if TYPE_CHECKING:
    from latprobe.store.reader import Reader

FLUSH_TIMEOUT_S = 10.0


@contextmanager
def open_store(home: Path | None) -> Iterator[Reader]:
    """A reader on the store in force; warns when the newest spans are not in it yet."""
    from latprobe.store.reader import open_reader

    settings = settings_for(home)
    with messages.working("Reading the store"):
        reader = open_reader(settings.home, start_agent=settings.agent)
    with reader:
        with messages.working("Taking in the newest spans"):
            complete = reader.flush(timeout_s=FLUSH_TIMEOUT_S)
        with _telling_damage(reader), _telling_what_waits(reader, complete=complete):
            yield reader


@contextmanager
def _telling_what_waits(reader: Reader, *, complete: bool) -> Iterator[None]:
    """Warns of spans that are not in yet. Where they cannot be taken in (a full disk) and the body
    finds no data, that is the reason, and is raised as a StoreError."""
    from latprobe.errors import NoDataError, StoreError

    if complete:
        yield
        return
    reason = reader.status().not_taken_in
    if reason is None:
        messages.warn(
            "the newest spans are still being taken in, so they are not counted here; "
            "`latprobe doctor` shows how many segments wait."
        )
        yield
        return
    try:
        yield
    except NoDataError as error:
        raise StoreError(reason) from error
    messages.warn(reason)


@contextmanager
def _telling_damage(reader: Reader) -> Iterator[None]:
    """Says that a damaged database lies aside: as a StoreError where the store is empty and the
    body finds no data, as a warning while it is empty or the owner has just moved the file."""
    from latprobe.errors import NoDataError, StoreError
    from latprobe.store.damaged_files import damage, damaged_files, remedy

    found = damage(reader.home)
    if found is None:
        yield
        return
    status = reader.status()
    if status.spans:
        names = damaged_files(reader.home)
        for note in status.notes:
            if any(name in note for name in names):
                messages.warn(note)
        yield
        return
    said = f"{found} Nothing is recorded since: {remedy(reader.home)}."
    try:
        yield
    except NoDataError as error:
        raise StoreError(said) from error
    messages.warn(said)
