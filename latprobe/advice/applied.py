"""Suggestions that somebody has followed: what was predicted then, to be measured against.

They are kept in `applied.json` in the store's folder: the store itself belongs to the agent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from latprobe.advice.kept_rows import read_rows, write_rows
from latprobe.errors import UsageError

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
    found = read_rows(
        home / FILE, lambda row: Applied(**{**row, "together": tuple(row["together"])})
    )
    return tuple(sorted(found, key=lambda each: (each.applied_ns, each.id)))


def mark(home: Path, marked: Sequence[Applied]) -> None:
    """Adds them, each in place of the one with its id."""
    ids = {each.id for each in marked}
    kept = [each for each in read_applied(home) if each.id not in ids]
    write_rows(home / FILE, [asdict(each) for each in (*kept, *marked)])


def unmark(home: Path, suggestion_id: str) -> None:
    """Takes it off the list. UsageError if it is not there."""
    before = read_applied(home)
    kept = [each for each in before if each.id != suggestion_id]
    if len(kept) == len(before):
        raise UsageError(
            f"{suggestion_id} is not marked as applied; `latprobe applied` lists them."
        )
    write_rows(home / FILE, [asdict(each) for each in kept])
