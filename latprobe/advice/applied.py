"""Suggestions that somebody has followed: what was predicted then, to be measured against.

They are kept in `applied.json` in the store's folder: the store itself belongs to the agent.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from latprobe.errors import StoreError, UsageError

FILE = "applied.json"


@dataclass(frozen=True, slots=True)
class Applied:
    """One suggestion as it stood when it was followed; times are ns since the epoch.

    `from_ns` to `applied_ns` are the `requests` requests that the prediction was made from, all of
    `service` and with a root called `root` (None: any). Figures are of requests, in ms, and None
    where that was not predicted. Tokens are a request's. `together` are the ids of the suggestions
    that were followed with it: then all figures are of all of them at once.
    """

    id: str
    rule: str
    title: str
    subject: str
    service: str | None
    root: str | None
    applied_ns: int
    from_ns: int
    requests: int
    together: tuple[str, ...] = ()
    p50_before_ms: float | None = None
    p50_after_ms: float | None = None
    p50_low_ms: float | None = None
    p50_high_ms: float | None = None
    p95_before_ms: float | None = None
    p95_after_ms: float | None = None
    p95_low_ms: float | None = None
    p95_high_ms: float | None = None
    input_tokens_saved: float | None = None
    output_tokens_saved: float | None = None
    note: str | None = None


def read_applied(home: Path) -> tuple[Applied, ...]:
    """What was marked in this store, oldest first. StoreError if the file cannot be understood."""
    path = home / FILE
    try:
        rows = json.loads(path.read_text("utf-8"))
        found = (Applied(**{**row, "together": tuple(row["together"])}) for row in rows)
        return tuple(sorted(found, key=lambda each: (each.applied_ns, each.id)))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StoreError(
            f"{path} cannot be read ({error}). Move it away to start a new list."
        ) from error


def mark(home: Path, marked: Sequence[Applied]) -> None:
    """Adds them, each in place of the one with its id."""
    ids = {each.id for each in marked}
    _write(home, [*(each for each in read_applied(home) if each.id not in ids), *marked])


def unmark(home: Path, suggestion_id: str) -> None:
    """Takes it off the list. UsageError if it is not there."""
    before = read_applied(home)
    kept = [each for each in before if each.id != suggestion_id]
    if len(kept) == len(before):
        raise UsageError(
            f"{suggestion_id} is not marked as applied; `latprobe applied` lists them."
        )
    _write(home, kept)


def _write(home: Path, rows: Sequence[Applied]) -> None:
    path = home / FILE
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            json.dump([asdict(each) for each in rows], file, indent=1)
        draft.replace(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}.") from error
