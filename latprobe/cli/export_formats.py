"""What `latprobe export` does for each format: a file, a folder, or requests to a backend."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from latprobe.cli import figures, messages
from latprobe.errors import StoreError, UsageError

if TYPE_CHECKING:
    from latprobe.analysis.scope import Scope
    from latprobe.export.otlp_send import Sender
    from latprobe.export.stored_spans import Run, StoredSpan
    from latprobe.store.query import Query

FORMATS = ("parquet", "otlp", "otlp-json", "perfetto", "csv")
TRIES = 6
FIRST_RETRY_S = 0.5


@dataclass(frozen=True, slots=True)
class SentSpans:
    """What a backend said of them."""

    spans: int
    rejected: int
    refused: int


def write_file(query: Query, scope: Scope, path: Path, *, format_: str, content: bool) -> int:
    """Writes a new file that only this user can read; gives back the number of spans."""
    from latprobe.export.stored_spans import TIME, read_runs, read_spans

    count = 0

    def counted() -> Iterable[list[StoredSpan]]:
        nonlocal count
        for page in read_spans(query, scope, order=TIME):
            count += len(page)
            yield page

    runs = read_runs(query)
    if format_ == "otlp-json":
        from latprobe.export.otlp_json import json_lines

        pieces = json_lines(counted(), runs, content=content)
    elif format_ == "csv":
        from latprobe.export.csv_table import csv_lines

        pieces = csv_lines(counted(), runs, content=content)
    else:
        from latprobe.export.perfetto import read_counters, trace_json

        counters = read_counters(query, **_window(query, scope))
        pieces = trace_json(counted(), runs, counters, content=content)
    _write(path, pieces)
    return count


def send(query: Query, scope: Scope, to: str | None, *, content: bool) -> SentSpans:
    """Sends the spans to `to`, or where OTEL_EXPORTER_OTLP_ENDPOINT says.

    Raises StoreError when the backend does not take them, with how far it came.
    """
    from latprobe.export.otlp_send import open_sender
    from latprobe.export.otlp_target import find_target
    from latprobe.export.stored_spans import read_runs, read_spans

    target = find_target(to)
    if target is None:
        raise UsageError("--format otlp needs a backend; write --to http://HOST:4318.")
    runs, sender = read_runs(query), open_sender(target)
    sent = SentSpans(0, 0, 0)
    try:
        for page in read_spans(query, scope):
            sent = _send_page(sender, page, runs, sent, content=content)
    finally:
        sender.close()
    return sent


def _send_page(
    sender: Sender,
    page: list[StoredSpan],
    runs: dict[int, Run],
    sent: SentSpans,
    *,
    content: bool,
) -> SentSpans:
    """Goes on after a refusal to answer, a few times."""
    from latprobe.export.otlp_parts import send_spans
    from latprobe.export.otlp_send import NotAcceptedError

    done, tries = 0, 0
    reasons: set[str] = set()
    while True:
        try:
            for outcome in send_spans(sender, page[done:], runs, content=content):
                tries = 0
                done += outcome.exported + outcome.rejected + outcome.refused
                sent = SentSpans(
                    sent.spans + outcome.exported,
                    sent.rejected + outcome.rejected,
                    sent.refused + outcome.refused,
                )
                if outcome.reason:
                    reasons.add(outcome.reason)
            for reason in sorted(reasons):
                messages.warn(reason)
            return sent
        except NotAcceptedError as error:
            tries += 1
            if tries == TRIES:
                raise StoreError(
                    f"{error} Sent before: {figures.many(sent.spans, 'span')}. Try again when it "
                    "answers; what it has already keeps its ids."
                ) from error
            pause = FIRST_RETRY_S * 2**tries if error.after_s is None else error.after_s
            time.sleep(pause)


def _window(query: Query, scope: Scope) -> dict[str, int]:
    """When the spans were."""
    where, parameters = scope.where()
    row = query(
        "SELECT min(s.start_ns) AS from_ns, max(s.start_ns + s.duration_ns) AS to_ns "
        f"FROM spans s WHERE {where}",
        parameters,
    ).to_pylist()[0]
    return {"from_ns": row["from_ns"], "to_ns": row["to_ns"]}


def _write(path: Path, pieces: Iterable[str]) -> None:
    """Under another name until it is whole."""
    if path.exists():
        raise UsageError(f"{path} is there already. Name another file.")
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(fd, "w", encoding="utf-8", errors="replace", newline="") as file:
                for piece in pieces:
                    file.write(piece)
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from error
