"""What the pages ask of the store.

Every function may raise LatprobeError; pages leave that to `frame.show`. How answers are kept:
asking.py.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from latprobe.analysis import requests_so_far
from latprobe.analysis.call_table import CallTable
from latprobe.analysis.coverage import Observer, observe
from latprobe.analysis.error_origins import ErrorOrigin
from latprobe.analysis.error_origins import error_origins as analysis_origins
from latprobe.analysis.overview import (
    Headline,
    Overview,
    StageFigures,
    build_headline,
    build_overview,
    stage_figures,
)
from latprobe.analysis.request_search import fetch_failures, in_order, search
from latprobe.analysis.request_timeline import request_timeline
from latprobe.analysis.root_table import Place, RootTable, place_of
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.analysis.spans import Ints
from latprobe.analysis.stage_detail import StageDetail, stage_detail
from latprobe.analysis.stage_tokens import with_tokens
from latprobe.analysis.timeline import TimelinePoint, stage_timeline
from latprobe.analysis.trace import Trace, load_trace
from latprobe.analysis.traces import Order, TraceRow, first_traces
from latprobe.analysis.traces import described as describe
from latprobe.clock import monotonic_ns
from latprobe.errors import NoDataError
from latprobe.store.reader import open_reader
from latprobe.store.status import StoreStatus
from latprobe_dashboard import asking, connection
from latprobe_dashboard.answers import Answers, Growing
from latprobe_dashboard.asking import answer as answer
from latprobe_dashboard.asking import begin as begin
from latprobe_dashboard.connection import Opener
from latprobe_dashboard.filter_choices import FilterChoices, read_choices
from latprobe_dashboard.health_queries import ClockSkew, read_clock_skew
from latprobe_dashboard.live_queries import Pulse, read_pulse
from latprobe_dashboard.store_lists import RunChoice, RunFacts, TokenPoint, read_run, read_runs
from latprobe_dashboard.store_lists import token_points as points_of_calls

TIMELINE_BUCKETS = 120
# Counting all traces of ten million spans takes half a second of CPU.
STATUS_S = 30.0


def use_store(home: Path, *, opener: Opener = open_reader) -> None:
    """Points the dashboard of this process at a store; `opener` is how to read it."""
    close()
    connection.point_at(home, opener=opener)


def close() -> None:
    """Lets the store go once no question is worked on; the next one opens it again."""
    asking.rest()
    _requests.forget()
    connection.let_go()


def status() -> StoreStatus:
    """Sizes, counts and the agent, as they were at most STATUS_S ago."""
    lately = connection.agent_restarts(), monotonic_ns() // int(STATUS_S * 1e9)
    return answer("status", lately, lambda: connection.ask(lambda opened: opened.status()))


def clock_skew() -> ClockSkew:
    """How far the clocks of the recorded processes disagree."""
    return answer("skew", (), lambda: read_clock_skew(connection.query))


def has_spans() -> bool:
    """Whether anything at all was recorded."""
    try:
        return bool(connection.query("SELECT 1 AS one FROM spans LIMIT 1").num_rows)
    except NoDataError:
        return False


def pulse(now_ns: int, scope: Scope) -> Pulse:
    """The last minute of the scope's requests, read now and never cached."""
    return read_pulse(connection.query, now_ns, scope)


def overview(scope: Scope) -> Overview:
    """The ranking of stages and the figures of the requests in the scope."""
    begin(lambda: _stage_figures(scope))
    return answer(
        "overview",
        (scope,),
        lambda: build_overview(
            connection.query,
            roots(),
            _calls(),
            scope,
            headline=headline(scope),
            figures=lambda: _stage_figures(scope),
        ),
    )


def headline(scope: Scope) -> Headline:
    """The figures of the requests in the scope, without their stages: of new rows at little cost.
    Raises NoDataError when it is empty."""
    return answer("headline", (scope,), lambda: _headline(scope))


def roots() -> RootTable:
    """The roots of all requests, which every filter looks at."""
    return _so_far().roots


def running(scope: Scope, now_ns: int) -> int:
    """How many of the scope's requests are heard of and have not ended; see `requests_so_far`."""
    return requests_so_far.running_requests(_so_far(), scope, now_ns)


def error_origins(scope: Scope) -> list[ErrorOrigin]:
    """The stages in which errors begin."""
    return answer("origins", (scope,), lambda: analysis_origins(connection.query, scope))


def _calls() -> CallTable:
    return _so_far().calls


def _so_far() -> requests_so_far.RequestsSoFar:
    return _requests.get(str(connection.home()), connection.version())


def observer(scope: Scope) -> Observer:
    """What the recording says about itself."""
    seen = overview(scope)
    return answer(
        "observer",
        (scope,),
        lambda: observe(connection.query, scope, coverage=seen.coverage, wall_ns=seen.wall_ns),
    )


def timeline(scope: Scope) -> list[TimelinePoint]:
    """Latency, count and errors over time: of requests, or of `scope.stage`."""
    return answer("timeline", (scope,), lambda: _timeline(scope))


def token_points(scope: Scope) -> list[TokenPoint]:
    """Tokens and cost per minute or coarser."""
    return answer("tokens", (scope,), lambda: points_of_calls(_calls().inside(scope, roots())))


def detail(scope: Scope) -> StageDetail:
    """Distribution and slowest spans of `scope.stage`."""
    return answer("detail", (scope,), lambda: _detail(scope))


def traces(scope: Scope, *, order: Order, limit: int) -> list[TraceRow]:
    """Requests in the scope in that order."""
    return answer(
        "traces",
        (scope, order, limit),
        lambda: first_traces(
            connection.query, roots(), scope, order=order, limit=limit, calls=_calls()
        ),
    )


def searched(scope: Scope, *, order: Order, text: str) -> Ints:
    """The rows of `roots` in the scope that a search text is about, in that order."""
    return answer("searched", (scope, order, text), lambda: _searched(scope, order, text))


def described(rows: tuple[int, ...]) -> list[TraceRow]:
    """The requests at these rows of `roots`."""
    return answer(
        "rows",
        (rows,),
        lambda: describe(connection.query, roots(), np.array(rows, np.int64), calls=_calls()),
    )


def trace(trace_id: str) -> Trace:
    """One request with its spans. Raises NoDataError when it is not there."""
    return _kept_traces.get(
        (str(connection.home()), trace_id, connection.version()),
        lambda: load_trace(connection.query, trace_id),
    )


def place(scope: Scope, trace_id: str) -> Place | None:
    """Where the request stands among the scope's, by its duration; None if it is not in it."""
    return answer(
        "place", (scope, trace_id), lambda: place_of(roots(), roots().rows(scope), trace_id)
    )


def runs() -> list[RunChoice]:
    """The recorded runs, newest first."""
    return answer("runs", (), lambda: read_runs(connection.query))


def run(run_id: int) -> RunFacts | None:
    """What is known about one run."""
    return read_run(connection.query, run_id)


def exists(scope: Scope) -> bool:
    """Whether any request at all passes the scope's tests of requests."""
    known = roots()
    return all(bool(known.members(test).any()) for test in scope.request_tests())


def filter_choices() -> FilterChoices:
    """What the filters offer."""
    return answer("filter choices", (), lambda: read_choices(connection.query))


def begin_all_requests() -> None:
    """Reads what every page looks at before the first visitor asks."""
    begin(roots)


# The large answers, all roots, all calls and whole traces, are kept apart and in small numbers.
_requests = Growing(
    lambda: requests_so_far.read_requests(connection.query),
    lambda before: requests_so_far.follow_requests(connection.query, before),
)
_kept_traces = Answers(8)


def _searched(scope: Scope, order: Order, text: str) -> Ints:
    failures = answer("failures", (), lambda: fetch_failures(connection.query))
    rows = search(roots(), roots().rows(scope), text)
    return in_order(roots(), _calls(), failures, rows, order)


def _headline(scope: Scope) -> Headline:
    known = _so_far()
    spans = known.reached.spans if scope == EVERYTHING else None
    return build_headline(connection.query, known.roots, known.calls, scope, spans=spans)


def _stage_figures(scope: Scope) -> StageFigures:
    return answer("stages", (scope,), lambda: stage_figures(connection.query, scope))


def _detail(scope: Scope) -> StageDetail:
    """With the figures that the overview has, where there are too many spans for exact ones."""
    whole = replace(scope, stage=None)
    figures = _stage_figures(whole)
    if figures.is_exact:
        return stage_detail(connection.query, scope)
    own = [each for each in figures.stats if each.name == scope.stage]
    stats = with_tokens(own, _calls().by_stage(whole, roots()))
    return stage_detail(connection.query, scope, stats=stats[0] if stats else None)


def _timeline(scope: Scope) -> list[TimelinePoint]:
    if scope.stage is None:
        return request_timeline(roots(), scope, buckets=TIMELINE_BUCKETS, requests_per_bucket=4)
    return stage_timeline(connection.query, scope, buckets=TIMELINE_BUCKETS, spans_per_bucket=4)
