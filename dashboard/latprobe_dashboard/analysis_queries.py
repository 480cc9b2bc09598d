"""What the pages ask of the analysis that takes its time: gains, predictions, findings, load.

Every question is asked as the commands ask it, so that a page shows their figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from latprobe.analysis.change_points import Changes, find_changes
from latprobe.analysis.cohorts import SlowFast, slow_against_fast
from latprobe.analysis.compare import (
    Comparison,
    Measured,
    MeasuredRequests,
    compare_measured,
    measure_requests,
    with_stages,
)
from latprobe.analysis.fan_out import FanOut
from latprobe.analysis.fan_out import fan_out as stage_fan_out
from latprobe.analysis.latency_model import StoredModel, latency_models
from latprobe.analysis.load import LoadReport, load_report
from latprobe.analysis.no_data import nothing_found
from latprobe.analysis.requests import fetch_requests
from latprobe.analysis.scope import Scope
from latprobe.analysis.whatif import Change, Prediction, predict
from latprobe.analysis.whatif.gains import Gains
from latprobe.analysis.whatif.gains import gains as stage_gains
from latprobe_dashboard import calm, connection
from latprobe_dashboard.answers import Answers
from latprobe_dashboard.heat_queries import CellSpan, Heat, Place, read_cell, read_heat
from latprobe_dashboard.later import Later, later

_kept = Answers(32)


def gains(scope: Scope) -> Later[Gains]:
    """What requests gain from each stage, the most first; none for fewer than 20 requests, and
    where what-if refuses."""
    return later(
        "gains",
        (scope,),
        lambda: stage_gains(connection.query, fetch_requests(connection.query, scope)),
    )


def prediction(scope: Scope, changes: Sequence[Change]) -> Later[Prediction]:
    """What the requests would take with the changes."""
    wanted = tuple(changes)
    return later("prediction", (scope, wanted), lambda: predict(connection.query, wanted, scope))


def slow_fast(scope: Scope, stage: str | None = None) -> Later[SlowFast]:
    """What slow requests, or slow runs of a stage, have in common."""
    return later(
        "slow", (scope, stage), lambda: slow_against_fast(connection.query, scope, stage=stage)
    )


def changes(scope: Scope, stage: str | None = None) -> Later[Changes]:
    """When stages, or one stage, began to take another time; of many spans work of seconds."""
    return later(
        "changes",
        (scope, stage),
        lambda: find_changes(calm.query, replace(scope, stage=stage)),
    )


def load(scope: Scope) -> Later[LoadReport]:
    """How loaded each stage is."""
    return later("load", (scope,), lambda: load_report(connection.query, scope))


def models(scope: Scope, stage: str) -> Later[list[StoredModel]]:
    """The latency models of the calls that are this stage, or within it."""
    return later(
        "models", (scope, stage), lambda: latency_models(connection.query, scope, stage=stage)
    )


def comparison(before: Scope, after: Scope) -> Later[Comparison]:
    """What changed from one recording to the other."""

    def work() -> Comparison:
        second = _measured(after).begin()
        return compare_measured(_measured(before).get(), second.get())

    return later("comparison", (before, after), work)


def request_comparison(before: Scope, after: Scope) -> Later[Comparison]:
    """The rows of whole requests of `comparison`, which is begun when they are there."""
    stages = comparison(before, after)

    def work() -> Comparison:
        second = _requests(after).begin()
        try:
            return compare_measured(_requests(before).get().measured, second.get().measured)
        finally:
            stages.begin()

    return later("request comparison", (before, after), work)


def heat(scope: Scope) -> Heat | None:
    """Durations of `scope.stage` over time, asked at once; None without spans."""
    question = ("heat", scope, str(connection.home()), connection.version())
    return _kept.get(question, lambda: read_heat(connection.query, scope))


def fan_out(scope: Scope) -> FanOut | None:
    """How many spans of `scope.stage` a request has and how many at once; None without any."""
    question = ("fan out", scope, str(connection.home()), connection.version())
    return _kept.get(question, lambda: stage_fan_out(connection.query, scope))


def cell(scope: Scope, place: Place) -> list[CellSpan]:
    """The longest spans of `scope.stage` in a cell, asked at once."""
    question = ("cell", scope, place, str(connection.home()), connection.version())
    return _kept.get(question, lambda: read_cell(connection.query, scope, place))


def _measured(scope: Scope) -> Later[Measured]:
    requests = _requests(scope)
    return later("measured", (scope,), lambda: with_stages(connection.query, requests.get()))


def _requests(scope: Scope) -> Later[MeasuredRequests]:
    def work() -> MeasuredRequests:
        found = measure_requests(connection.query, scope)
        if not len(found.measured):
            raise nothing_found(connection.query, scope)
        return found

    return later("measured requests", (scope,), work)
