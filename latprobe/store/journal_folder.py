"""The journal folder as the owner sees it: segments to read, files to set aside."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from latprobe.errors import SegmentError
from latprobe.journal.header import UnknownVersionError
from latprobe.journal.reader import SegmentReader
from latprobe.journal.segment import SUFFIX

log = logging.getLogger("latprobe.agent")

# A segment is created under .tmp and locked within microseconds; older ones are of dead writers.
ABANDONED_AFTER_S = 60.0


@dataclass(slots=True)
class JournalFolder:
    """`journal/` and `quarantine/` of one store. `left_alone` maps files that were reported and
    stay where they are to the reason."""

    home: Path
    left_alone: dict[str, str] = field(default_factory=dict)
    _said_busy: bool = False

    @property
    def path(self) -> Path:
        """Where segments are."""
        return self.home / "journal"

    @property
    def quarantine(self) -> Path:
        """Where unreadable files go."""
        return self.home / "quarantine"

    def segment_names(self) -> list[str]:
        """Segments, oldest first; sets foreign files aside on the way."""
        found: list[tuple[int, str]] = []
        try:
            entries = list(os.scandir(self.path))
        except OSError:
            return []
        for entry in entries:
            name = entry.name
            if name in self.left_alone or name.startswith("."):
                continue
            if not name.endswith(SUFFIX):
                self._consider_foreign(entry)
                continue
            try:
                found.append((entry.stat(follow_symlinks=False).st_mtime_ns, name))
            except FileNotFoundError:
                continue
        return [name for _, name in sorted(found)]

    def open(self, name: str, next_slot: int, holes: tuple[int, ...]) -> SegmentReader | None:
        """The segment's reader; None when it is not readable, which is reported once."""
        try:
            return SegmentReader(self.path / name, next_slot=next_slot, holes=holes)
        except UnknownVersionError as error:
            self.left_alone[name] = str(error)
            log.warning("%s", error)
        except OSError as error:  # too many open files, no permission: nothing is wrong with it
            reason = f"{self.path / name} cannot be opened now: {error.strerror}."
            if not self._said_busy:
                log.warning("%s It is tried again.", reason)
            self._said_busy = True
            return None
        except SegmentError as error:
            if (self.path / name).exists():
                self.set_aside(name, str(error))
        return None

    def set_aside(self, name: str, reason: str) -> None:
        """Moves a file to `quarantine/`; where that cannot be, remembers to leave it alone."""
        try:
            self.quarantine.mkdir(mode=0o700, exist_ok=True)
            target = self.quarantine / name
            if target.exists():
                target = self.quarantine / f"{name}.{time.time_ns()}"
            os.rename(self.path / name, target)
        except OSError as error:
            self.left_alone[name] = f"{reason} It cannot be set aside: {error.strerror}."
            log.warning("%s", self.left_alone[name])
            return
        log.warning("%s The file is now %s", reason, target)

    def quarantined(self) -> int:
        """How many files were set aside."""
        try:
            return len(os.listdir(self.quarantine))
        except OSError:
            return 0

    def size_bytes(self) -> int:
        """What the journal takes on the disk."""
        total = 0
        for name in self.segment_names():
            try:
                total += (self.path / name).stat().st_size
            except OSError:
                continue
        return total

    def _consider_foreign(self, entry: os.DirEntry[str]) -> None:
        if entry.name.endswith(".tmp"):
            self._consider_abandoned(entry)
            return
        self.set_aside(entry.name, f"{entry.path} is not a latprobe journal segment.")

    def _consider_abandoned(self, entry: os.DirEntry[str]) -> None:
        """Removes a segment that its writer never finished creating: it holds no record."""
        try:
            age_s = time.time() - entry.stat(follow_symlinks=False).st_mtime
            if age_s > ABANDONED_AFTER_S and entry.is_file(follow_symlinks=False):
                os.unlink(entry.path)
        except OSError:
            return
