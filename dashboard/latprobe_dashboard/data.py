"""The one place that talks to the store: a single reader, and cached answers to the pages.

Answers are cached by what was asked and by the store's data version: a second look at the same
rows costs nothing, and new rows are seen at once. Every function may raise LatprobeError; pages
leave that to `frame.show`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from latprobe.analysis.report import Report, build_report
from latprobe.analysis.scope import Scope
from latprobe.analysis.stage_detail import StageDetail, stage_detail
from latprobe.analysis.timeline import TimelinePoint, stage_timeline
from latprobe.analysis.trace import Trace, load_trace
from latprobe.analysis.traces import Order, TraceRow, list_traces
from latprobe.errors import LatprobeError, NoDataError, StoreError
from latprobe.store.reader import Reader, open_reader
from latprobe.store.status import StoreStatus
from latprobe_dashboard.live_queries import Pulse, read_pulse
from latprobe_dashboard.store_lists import (
    RunChoice,
    RunFacts,
    TokenPoint,
    read_run,
    read_runs,
    read_token_points,
)

# The critical path is computed on at most so many requests; the report says on how many.
CRITICAL_PATH_TRACES = 2_000
TIMELINE_BUCKETS = 120
FORESEE_AFTER_S = 1.5

T = TypeVar("T")
Opener = Callable[[Path], Reader]


@dataclass
class _Connection:
    """The reader of this process's store, opened when first asked for."""

    home: Path | None = None
    opener: Opener = open_reader
    opened: Reader | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)
    agent_pid: int | None = None
    agent_changes: int = 0
    foreseeing: threading.Timer | None = None


_connection = _Connection()


def use_store(home: Path, *, opener: Opener = open_reader) -> None:
    """Points the dashboard of this process at a store; `opener` is how to read it."""
    close()
    with _connection.lock:
        _connection.home, _connection.opener = home, opener
        _connection.agent_pid, _connection.agent_changes = None, 0


def home() -> Path:
    """The folder of the store in use."""
    if _connection.home is None:
        from latprobe.config import load_settings

        _connection.home = load_settings().home
    return _connection.home


def reader() -> Reader:
    """The open reader. Raises NoDataError when there is no store yet, StoreError when it is ill."""
    with _connection.lock:
        if _connection.opened is None:
            _connection.opened = _connection.opener(home())
        return _connection.opened


def close() -> None:
    """Lets the store go; the next question opens it again."""
    with _connection.lock:
        opened, _connection.opened = _connection.opened, None
    if opened is not None:
        opened.close()


def query(sql: str, parameters: Sequence[object] = ()) -> pa.Table:
    """One read-only statement's rows."""
    return _asked(lambda opened: opened.query(sql, parameters))


def _asked(question: Callable[[Reader], T]) -> T:
    """The answer, with one new reader when the old one lost its agent for good."""
    try:
        return question(reader())
    except StoreError:
        close()
        return question(reader())


def version() -> int:
    """Changes whenever rows were added."""
    return _asked(lambda opened: opened.data_version())


def agent_restarts() -> int:
    """How often the agent was replaced while this dashboard ran."""
    try:
        pid = int(json.loads((home() / "agent.json").read_text("utf-8"))["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return _connection.agent_changes
    with _connection.lock:
        if _connection.agent_pid not in (None, pid):
            _connection.agent_changes += 1
        _connection.agent_pid = pid
        return _connection.agent_changes


def status() -> StoreStatus:
    """Sizes, counts and the agent, read now."""
    return _asked(lambda opened: opened.status())


def has_spans() -> bool:
    """Whether anything at all was recorded."""
    try:
        return bool(query("SELECT 1 AS one FROM spans LIMIT 1").num_rows)
    except NoDataError:
        return False


def pulse(now_ns: int) -> Pulse:
    """The last minute, read now and never cached."""
    return read_pulse(query, now_ns)


def report(scope: Scope) -> Report:
    """The ranking of stages and the figures of the requests in the scope."""
    return _report(str(home()), scope, version())


def timeline(scope: Scope) -> list[TimelinePoint]:
    """Latency, count and errors over time: of requests, or of `scope.stage`."""
    return _timeline(str(home()), scope, version())


def token_points(scope: Scope) -> list[TokenPoint]:
    """Tokens and cost per minute or coarser."""
    return _token_points(str(home()), scope, version())


def detail(scope: Scope) -> StageDetail:
    """Distribution and slowest spans of `scope.stage`."""
    return _detail(str(home()), scope, version())


def traces(scope: Scope, *, order: Order, limit: int) -> list[TraceRow]:
    """Requests in the scope in that order."""
    return _traces(str(home()), scope, order, limit, version())


def trace(trace_id: str) -> Trace:
    """One request with its spans. Raises NoDataError when it is not there."""
    return _trace(str(home()), trace_id, version())


def runs() -> list[RunChoice]:
    """The recorded runs, newest first."""
    return _runs(str(home()), version())


def run(run_id: int) -> RunFacts | None:
    """What is known about one run."""
    return read_run(query, run_id)


# Plain LRU caches: the answers are frozen, so they can be handed out as they are, where
# st.cache_data would copy them on every look; the data version in the key ends an answer's life.
@lru_cache(maxsize=64)
def _report(store: str, scope: Scope, data_version: int) -> Report:
    return build_report(query, scope, max_traces=CRITICAL_PATH_TRACES)


@lru_cache(maxsize=64)
def _timeline(store: str, scope: Scope, data_version: int) -> list[TimelinePoint]:
    return stage_timeline(query, scope, buckets=TIMELINE_BUCKETS, spans_per_bucket=4)


@lru_cache(maxsize=64)
def _token_points(store: str, scope: Scope, data_version: int) -> list[TokenPoint]:
    return read_token_points(query, scope)


@lru_cache(maxsize=64)
def _detail(store: str, scope: Scope, data_version: int) -> StageDetail:
    return stage_detail(query, scope)


@lru_cache(maxsize=24)
def _traces(
    store: str, scope: Scope, order: Order, limit: int, data_version: int
) -> list[TraceRow]:
    return list_traces(query, scope, order=order, limit=limit)


@lru_cache(maxsize=8)
def _trace(store: str, trace_id: str, data_version: int) -> Trace:
    return load_trace(query, trace_id)


@lru_cache(maxsize=2)
def _runs(store: str, data_version: int) -> list[RunChoice]:
    return read_runs(query)


def foresee(scopes: Sequence[Scope]) -> None:
    """Answers these scopes in the background, a moment from now, one set at a time.

    A report over a million spans takes 0.4 s, which is most of a filter change; the pause leaves
    the processor to the page that is being drawn.
    """
    with _connection.lock:
        if _connection.foreseeing is not None and _connection.foreseeing.is_alive():
            return
        timer = threading.Timer(FORESEE_AFTER_S, _foresee, [list(scopes)])
        timer.daemon = True
        _connection.foreseeing = timer
        timer.start()


def _foresee(scopes: list[Scope]) -> None:
    for scope in scopes:
        try:
            report(scope)
            timeline(scope)
            token_points(scope)
        except NoDataError:
            continue
        except LatprobeError:
            return  # the page that asks for it will say why


def warm() -> None:
    """Loads what the first visitor would otherwise wait for."""
    import pandas
    import plotly.graph_objects
    import plotly.io  # noqa: F401

    assert pandas is not None
