"""Kernel traces that the recorder left in `profiles/`: read in quiet time, then kept compressed."""

from __future__ import annotations

import gzip
import json
import logging
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb

from latprobe.errors import UsageError
from latprobe.store.database import Database
from latprobe.store.gpu_spans import TRACE_NAME, WAITING
from latprobe.store.kernel_stages import KernelRow, ProfiledSpan, kernel_rows
from latprobe.store.kineto import read_kineto

log = logging.getLogger("latprobe.agent")

FOLDER = "profiles"
MAX_TRACE_BYTES = 256 << 20
# A trace whose spans have not come by then (they were dropped) is not waited for.
GIVE_UP_S = 600.0


class KernelTraces:
    """The traces of one store. Used by one thread at a time."""

    def __init__(self, database: Database, home: Path) -> None:
        self._database = database
        self._home = home

    def read_next(self) -> bool:
        """Reads the oldest trace that waits and whose request is stored; False without any."""
        for key, about in self._waiting():
            path = self._home / FOLDER / key.removeprefix(WAITING)
            spans = self._spans(about)
            if not spans and _age_s(path) < GIVE_UP_S:
                continue
            rows = self._rows(path, about, spans)
            kept = _compress(path) if rows else None
            self._store(key, about, rows, kept)
            if not rows:
                _remove(path)
            return True
        return False

    def remove_orphans(self) -> None:
        """Removes the files whose request has left the store."""
        folder = self._home / FOLDER
        try:
            names = os.listdir(folder)
        except OSError:
            return
        with self._database.lock:
            con = self._database.writer
            kept = {
                str(row[0]).removeprefix(f"{FOLDER}/")
                for row in con.execute("SELECT DISTINCT trace_path FROM kernel_profiles").fetchall()
            }
        waiting = {key.removeprefix(WAITING) for key, _ in self._waiting()}
        for name in names:
            if name not in kept and name not in waiting and _age_s(folder / name) > GIVE_UP_S:
                _remove(folder / name)

    def _waiting(self) -> list[tuple[str, dict[str, Any]]]:
        with self._database.lock:
            rows = self._database.writer.execute(
                "SELECT key, value FROM meta WHERE starts_with(key, ?) ORDER BY key", [WAITING]
            ).fetchall()
        return [(str(key), json.loads(value)) for key, value in rows]

    def _spans(self, about: dict[str, Any]) -> list[ProfiledSpan]:
        with self._database.lock:
            rows = self._database.writer.execute(
                "SELECT span_id, parent_span_id, name, start_ns, start_ns + duration_ns, thread "
                "FROM spans WHERE trace_id = ?::UUID AND run_id = ? ORDER BY start_ns, span_id",
                [about["trace_id"], about["run_id"]],
            ).fetchall()
        spans = [ProfiledSpan(*row) for row in rows]
        return spans if any(span.span_id == about["span_id"] for span in spans) else []

    def _rows(
        self, path: Path, about: dict[str, Any], spans: list[ProfiledSpan]
    ) -> list[KernelRow]:
        """Empty for a trace that cannot be used, which is logged."""
        if not spans or not TRACE_NAME.fullmatch(path.name):
            return []
        try:
            if path.stat().st_size > MAX_TRACE_BYTES:
                raise UsageError("it is larger than 256 MB")
            kineto = read_kineto(path.read_bytes(), clock_offset_ns=about["clock_offset_ns"])
        except (OSError, UsageError) as error:
            log.warning("the kernel trace %s cannot be read: %s", path, error)
            return []
        return kernel_rows(within(spans, about["span_id"]), kineto.work, about["threads"])

    def _store(
        self, key: str, about: dict[str, Any], rows: list[KernelRow], kept: str | None
    ) -> None:
        with self._database.transaction() as con:
            con.execute("DELETE FROM meta WHERE key = ?", [key])
            for row in rows:
                _insert(con, about, row, kept)


def within(spans: Iterable[ProfiledSpan], root_id: int) -> list[ProfiledSpan]:
    """The root and everything below it: what ran while the profiler was on."""
    spans = list(spans)
    kept = {root_id}
    while True:
        more = {span.span_id for span in spans if span.parent_id in kept} - kept
        if not more:
            return [span for span in spans if span.span_id in kept]
        kept |= more


def _insert(
    con: duckdb.DuckDBPyConnection, about: dict[str, Any], row: KernelRow, kept: str | None
) -> None:
    cost_ns = about["cost_ns"] if row.span_id == about["span_id"] else 0
    con.execute(
        "INSERT INTO kernel_profiles VALUES (?::UUID, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            about["trace_id"], row.span_id, about["run_id"], row.stage, row.wall_ns, row.busy_ns,
            row.kernels, row.launch_gap_ns, row.copy_ns, row.copy_bytes, row.top, cost_ns, kept,
        ],
    )  # fmt: skip


def _compress(path: Path) -> str | None:
    """Replaces the file by its .gz; gives back where it is, relative to the store's folder."""
    packed = path.with_name(path.name + ".gz")
    temporary = path.with_name(path.name + ".gz.tmp")
    try:
        descriptor = os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(gzip.compress(path.read_bytes(), 6))
        os.rename(temporary, packed)
        path.unlink()
    except OSError as error:
        log.warning("the kernel trace %s cannot be compressed: %s", path, error)
        return f"{FOLDER}/{path.name}" if path.exists() else None
    return f"{FOLDER}/{packed.name}"


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError:
        return


def _age_s(path: Path) -> float:
    """Since it was written; infinite for a file that is gone."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return float("inf")
