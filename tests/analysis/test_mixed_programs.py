"""Requests of programs that do different work, and of those that do the same."""

from __future__ import annotations

import pytest

from latprobe.analysis.cohorts import slow_against_fast
from latprobe.analysis.compare import compare
from latprobe.analysis.load import load_report
from latprobe.analysis.mixed_programs import mixed_programs
from latprobe.analysis.refusal import Refusal
from latprobe.analysis.report import build_report
from latprobe.analysis.requests import fetch_requests
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.analysis.whatif import Scale, predict
from latprobe.errors import NoDataError
from tests.analysis.seeding import EPOCH_NS, MS, MemoryStore, seed

TOLD = (
    "Requests of 2 services with different work are looked at as one (app-1, app-2): choose a "
    "service (`--service`)."
)


def two_programs(first: str, second: str, *, requests: int = 30) -> MemoryStore:
    """So many requests of each, one after another, each with a stage below it."""
    store = MemoryStore()
    for run, root in ((1, first), (2, second)):
        store.add_run(run)
        store.connection.execute(f"UPDATE runs SET service = 'app-{run}' WHERE run_id = {run}")
        store.add_spans(
            each
            for at in range(requests)
            for trace, begin in ((run * 1000 + at, run * 10_000 + at * 100),)
            for each in (
                seed(1, None, root, begin, begin + 50 * run, trace=trace, run_id=run),
                seed(2, 1, "work", begin, begin + 40 * run, trace=trace, run_id=run),
            )
        )
    return store


def test_gains_of_programs_with_different_work_are_refused_until_one_is_chosen() -> None:
    store = two_programs("answer", "index")
    found = build_report(store)
    assert (found.gains, found.gains_refused) == ((), TOLD)
    assert [gain.stage for gain in build_report(store, Scope(service="app-1")).gains] == ["work"]


def test_services_with_the_same_requests_are_not_mixed() -> None:
    store = two_programs("answer", "answer")
    assert mixed_programs(store, fetch_requests(store, EVERYTHING)) is None
    assert build_report(store).gains


def test_one_service_with_several_kinds_of_requests_is_not_mixed() -> None:
    store = two_programs("answer", "index")
    store.connection.execute("UPDATE runs SET service = 'one'")
    assert mixed_programs(store, fetch_requests(store, EVERYTHING)) is None


def test_every_figure_of_all_requests_together_is_refused_in_the_same_words() -> None:
    store = two_programs("answer", "index", requests=100)
    assert predict(store, [Scale("work", 0.5)]).refused == TOLD
    assert slow_against_fast(store).refused == TOLD
    assert slow_against_fast(store, stage="work").refused == TOLD
    load = load_report(store)
    assert (load.refused, load.stages[0].servers) == (TOLD, Refusal(TOLD))
    both, rest = Scope(to_ns=EPOCH_NS + 25_000 * MS), Scope(from_ns=EPOCH_NS + 25_000 * MS)
    with pytest.raises(NoDataError) as told:
        compare(store, both, rest)
    assert str(told.value) == TOLD


def test_a_chosen_service_or_run_is_answered() -> None:
    store = two_programs("answer", "index", requests=100)
    for scope in (Scope(service="app-1"), Scope(run_id=1)):
        assert predict(store, [Scale("work", 0.5)], scope).refused is None
        assert slow_against_fast(store, scope).refused != TOLD
        assert load_report(store, scope).refused is None
    assert compare(store, Scope(run_id=1), Scope(run_id=2)).rows


def test_a_run_that_several_programs_call_is_one_recording() -> None:
    store = two_programs("answer", "index", requests=100)
    store.add_run(3, service="model")
    store.add_spans(
        seed(3, 2, "serve", run * 10_000 + at * 100, run * 10_000 + at * 100 + 30,
             trace=run * 1000 + at, run_id=3)
        for run in (1, 2)
        for at in range(100)
    )  # fmt: skip
    later = Scope(run_id=3, from_ns=EPOCH_NS + 15_000 * MS)
    assert compare(store, Scope(run_id=3), later).rows
