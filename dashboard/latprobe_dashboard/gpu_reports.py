"""The attribution of the GPU's counters, worked out behind the page.

It takes seconds on many requests, so a page shows what it has, asks again until it is there, and
keeps the last one: while a program records, every look has new rows.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from latprobe.analysis.gpu.stages import GpuReport, gpu_report
from latprobe.analysis.scope import Scope
from latprobe.clock import monotonic_ns
from latprobe.errors import LatprobeError
from latprobe_dashboard import connection, data

# How long a page waits for a report that may be quick, before it says that it is at work.
WAIT_S = 0.2
# New rows of a running program change little so soon, and working it out takes a whole core.
FRESH_NS = 30_000_000_000
KEPT = 16


@dataclass(frozen=True, slots=True)
class Shown:
    """The newest report of a scope; None while the first is worked on."""

    report: GpuReport | None
    is_working: bool


class _Entry:
    def __init__(self) -> None:
        self.report: GpuReport | None = None
        self.error: LatprobeError | None = None
        self.version: int | None = None
        self.done_ns = 0
        self.is_working = False
        self.ended = threading.Event()


_entries: OrderedDict[tuple[str, Scope], _Entry] = OrderedDict()
_lock = threading.Lock()


def latest(scope: Scope) -> Shown:
    """What is known of the scope; begins to work out what is not. Raises LatprobeError."""
    version = connection.version()
    with _lock:
        entry = _entry((str(connection.home()), scope))
        is_old = entry.version != version
        is_fresh = entry.report is not None and monotonic_ns() - entry.done_ns < FRESH_NS
        is_due = is_old and not is_fresh and not entry.is_working
        if is_due:
            entry.is_working, entry.error = True, None
            entry.ended.clear()
    if is_due:
        data.begin(lambda: _work(entry, scope, version))
    if entry.report is None:
        entry.ended.wait(WAIT_S)
    if entry.error is not None:
        raise entry.error
    return Shown(entry.report, entry.is_working)


def known(scope: Scope) -> Shown:
    """What was worked out for the scope so far; nothing is begun."""
    with _lock:
        entry = _entries.get((str(connection.home()), scope))
    return Shown(None, False) if entry is None else Shown(entry.report, entry.is_working)


def _entry(question: tuple[str, Scope]) -> _Entry:
    entry = _entries.setdefault(question, _Entry())
    _entries.move_to_end(question)
    while len(_entries) > KEPT:
        _entries.popitem(last=False)
    return entry


def _work(entry: _Entry, scope: Scope, version: int) -> None:
    try:
        entry.report = gpu_report(connection.query, scope)
    except LatprobeError as error:
        entry.error = error
    finally:
        entry.version, entry.done_ns = version, monotonic_ns()
        entry.is_working = False
        entry.ended.set()
