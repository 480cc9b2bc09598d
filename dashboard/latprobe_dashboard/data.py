"""The one place that talks to the store: a single reader, and cached answers to the pages.

Answers are cached by what was asked and by the store's data version: a second look at the same
rows costs nothing, and new rows are seen at once. Every function may raise LatprobeError; pages
leave that to `frame.show`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa

from latprobe.analysis.call_table import CallTable, fetch_calls
from latprobe.analysis.coverage import Observer, observe
from latprobe.analysis.error_origins import ErrorOrigin
from latprobe.analysis.error_origins import error_origins as analysis_origins
from latprobe.analysis.overview import Overview, StageFigures, build_overview, stage_figures
from latprobe.analysis.request_search import fetch_failures, in_order, search
from latprobe.analysis.request_timeline import request_timeline
from latprobe.analysis.root_table import Place, RootTable, fetch_roots, place_of
from latprobe.analysis.scope import Scope
from latprobe.analysis.spans import Ints
from latprobe.analysis.stage_detail import StageDetail, stage_detail
from latprobe.analysis.timeline import TimelinePoint, stage_timeline
from latprobe.analysis.trace import Trace, load_trace
from latprobe.analysis.traces import Order, TraceRow, first_traces
from latprobe.analysis.traces import described as describe
from latprobe.clock import monotonic_ns
from latprobe.errors import NoDataError, StoreError
from latprobe.store.reader import Reader, open_reader
from latprobe.store.status import StoreStatus
from latprobe_dashboard.answers import Ahead, Answers
from latprobe_dashboard.filter_choices import FilterChoices, read_choices
from latprobe_dashboard.gpu_moment import Moment, read_moment
from latprobe_dashboard.gpu_queries import (
    Cards,
    Example,
    Readings,
    read_cards,
    read_example,
    read_modalities,
    read_readings,
)
from latprobe_dashboard.live_queries import Pulse, read_pulse
from latprobe_dashboard.store_lists import (
    RunChoice,
    RunFacts,
    TokenPoint,
    read_run,
    read_runs,
)
from latprobe_dashboard.store_lists import (
    token_points as points_of_calls,
)

TIMELINE_BUCKETS = 120
# Pages show what was stored so long ago, or less.
VERSION_NS = 500_000_000
SLOW_AT_ONCE = 2

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
    seen: tuple[int, int] | None = None  # when the data version was looked up, and what it was


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
    """Lets the store go once no question is worked on; the next one opens it again."""
    _ahead.rest()
    _slow.rest()
    _let_go()


def _let_go() -> None:
    with _connection.lock:
        opened, _connection.opened = _connection.opened, None
        _connection.seen = None
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
        _let_go()
        return question(reader())


def version() -> int:
    """Changes whenever rows were added; looked up once a moment, so that a page agrees."""
    with _connection.lock:
        seen = _connection.seen
        if seen is not None and monotonic_ns() - seen[0] < VERSION_NS:
            return seen[1]
    found = _asked(lambda opened: opened.data_version())
    with _connection.lock:
        _connection.seen = (monotonic_ns(), found)
    return found


def drawn_version() -> int:
    """The version that was looked up last, without a look."""
    with _connection.lock:
        return 0 if _connection.seen is None else _connection.seen[1]


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


def overview(scope: Scope) -> Overview:
    """The ranking of stages and the figures of the requests in the scope."""
    begin(_calls, lambda: _stage_figures(scope))
    return _answer(
        "overview",
        (scope,),
        lambda: build_overview(
            query, roots(), _calls(), scope, figures=lambda: _stage_figures(scope)
        ),
    )


def roots() -> RootTable:
    """The roots of all requests, which every filter looks at."""
    return _kept_roots.get((str(home()), version()), lambda: fetch_roots(query))


def error_origins(scope: Scope) -> list[ErrorOrigin]:
    """The stages in which errors begin."""
    return _answer("origins", (scope,), lambda: analysis_origins(query, scope))


def _calls() -> CallTable:
    return _kept_calls.get((str(home()), version()), lambda: fetch_calls(query))


def observer(scope: Scope) -> Observer:
    """What the recording says about itself."""
    seen = overview(scope)
    return _answer(
        "observer",
        (scope,),
        lambda: observe(query, scope, coverage=seen.coverage, wall_ns=seen.wall_ns),
    )


def timeline(scope: Scope) -> list[TimelinePoint]:
    """Latency, count and errors over time: of requests, or of `scope.stage`."""
    return _answer("timeline", (scope,), lambda: _timeline(scope))


def token_points(scope: Scope) -> list[TokenPoint]:
    """Tokens and cost per minute or coarser."""
    return _answer("tokens", (scope,), lambda: points_of_calls(_calls().inside(scope, roots())))


def detail(scope: Scope) -> StageDetail:
    """Distribution and slowest spans of `scope.stage`."""
    return _answer("detail", (scope,), lambda: stage_detail(query, scope))


def traces(scope: Scope, *, order: Order, limit: int) -> list[TraceRow]:
    """Requests in the scope in that order."""
    return _answer(
        "traces",
        (scope, order, limit),
        lambda: first_traces(query, roots(), scope, order=order, limit=limit),
    )


def searched(scope: Scope, *, order: Order, text: str) -> Ints:
    """The rows of `roots` in the scope that a search text is about, in that order."""
    return _answer("searched", (scope, order, text), lambda: _searched(scope, order, text))


def described(rows: tuple[int, ...]) -> list[TraceRow]:
    """The requests at these rows of `roots`."""
    return _answer("rows", (rows,), lambda: describe(query, roots(), np.array(rows, np.int64)))


def trace(trace_id: str) -> Trace:
    """One request with its spans. Raises NoDataError when it is not there."""
    return _kept_traces.get((str(home()), trace_id, version()), lambda: load_trace(query, trace_id))


def place(scope: Scope, trace_id: str) -> Place | None:
    """Where the request stands among the scope's, by its duration; None if it is not in it."""
    return _answer(
        "place", (scope, trace_id), lambda: place_of(roots(), roots().rows(scope), trace_id)
    )


def runs() -> list[RunChoice]:
    """The recorded runs, newest first."""
    return _answer("runs", (), lambda: read_runs(query))


def run(run_id: int) -> RunFacts | None:
    """What is known about one run."""
    return read_run(query, run_id)


def exists(scope: Scope) -> bool:
    """Whether any request at all passes the scope's tests of requests."""
    known = roots()
    return all(bool(known.members(test).any()) for test in scope.request_tests())


def filter_choices() -> FilterChoices:
    """What the filters offer."""
    return _answer("filter choices", (), lambda: read_choices(query))


def gpu_cards(scope: Scope) -> Cards:
    """The GPUs that were read while the scope's requests ran."""
    return _answer("gpu cards", (scope,), lambda: read_cards(query, scope))


def gpu_moment(scope: Scope, *, at_ns: int) -> Moment | None:
    """A few requests around that time; None when there is none."""
    return _answer("gpu moment", (scope, at_ns), lambda: read_moment(query, scope, at_ns=at_ns))


def readings(
    first_ns: int, last_ns: int, *, metrics: tuple[str, ...], device: str | None
) -> list[Readings]:
    """What a GPU and the host read in that time."""
    return _answer(
        "readings",
        (first_ns, last_ns, metrics, device),
        lambda: read_readings(query, first_ns, last_ns, metrics=metrics, device=device),
    )


def modalities(scope: Scope) -> dict[str, str | None]:
    """Stage to modality."""
    return _answer("modalities", (scope,), lambda: read_modalities(query, scope))


def stage_example(scope: Scope) -> Example | None:
    """A request to look at for `scope.stage`."""
    return _answer("example", (scope,), lambda: read_example(query, scope))


def begin(*questions: Callable[[], object]) -> None:
    """Lets these be worked on while the page does something else; it asks for them later."""
    for ask in questions:
        _ahead.begin(partial(_ask_if_open, ask))


def begin_slow(question: Callable[[], object]) -> None:
    """The same for work of seconds: few at a time, so that pages keep their speed."""
    _slow.begin(partial(_ask_if_open, question))


def _ask_if_open(ask: Callable[[], object]) -> None:
    if _connection.opened is not None:  # nobody waits any more for a store that was let go
        ask()


# The answers are frozen, so they can be handed out as they are, where st.cache_data would copy
# them on every look; the data version in the question ends an answer's life. The large ones, all
# roots, all calls and whole traces, are kept apart and in small numbers.
_kept = Answers(256)
_kept_roots = Answers(1)
_kept_calls = Answers(1)
_kept_traces = Answers(8)
_ahead = Ahead()
_slow = Ahead(SLOW_AT_ONCE)


def _answer(what: str, asked: tuple[Hashable, ...], work: Callable[[], T]) -> T:
    return _kept.get((what, asked, str(home()), version()), work)


def _searched(scope: Scope, order: Order, text: str) -> Ints:
    failures = _answer("failures", (), lambda: fetch_failures(query))
    rows = search(roots(), roots().rows(scope), text)
    return in_order(roots(), _calls(), failures, rows, order)


def _stage_figures(scope: Scope) -> StageFigures:
    return _answer("stages", (scope,), lambda: stage_figures(query, scope))


def _timeline(scope: Scope) -> list[TimelinePoint]:
    if scope.stage is None:
        return request_timeline(roots(), scope, buckets=TIMELINE_BUCKETS, requests_per_bucket=4)
    return stage_timeline(query, scope, buckets=TIMELINE_BUCKETS, spans_per_bucket=4)


def warm() -> None:
    """Loads what the first visitor would otherwise wait for."""
    import pandas

    assert pandas is not None
