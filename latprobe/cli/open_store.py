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
        if not complete:
            messages.warn(
                "the newest spans are still being taken in, so they are not counted here; "
                "`latprobe doctor` shows how many segments wait."
            )
        yield reader
