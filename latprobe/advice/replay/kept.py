"""Trials that were made, the last of each suggestion: figures and names of fields, no texts.

They are kept in `replays.json` in the store's folder: the store itself belongs to the agent.
"""

from __future__ import annotations

from pathlib import Path

from latprobe.advice.kept_rows import read_rows, write_rows
from latprobe.advice.replay.result import Replayed

FILE = "replays.json"


def read_replays(home: Path) -> dict[str, Replayed]:
    """The last trial of each suggestion by its id. StoreError if the file cannot be understood."""
    return {each.id: each for each in read_rows(home / FILE, Replayed.from_json)}


def keep(home: Path, replayed: Replayed) -> bool:
    """Adds it, in place of the one of the same suggestion; whether it did.

    A trial that was stopped before it could tell does not replace one that told.
    """
    kept = read_replays(home)
    before = kept.get(replayed.id)
    if before is not None and _tells(before) and replayed.stopped and not _tells(replayed):
        return False
    rows = {**kept, replayed.id: replayed}
    write_rows(home / FILE, [each.to_json() for each in rows.values()])
    return True


def _tells(replayed: Replayed) -> bool:
    return replayed.verdict in ("not worse", "worse")
