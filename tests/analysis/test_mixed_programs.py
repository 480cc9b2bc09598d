"""Requests of programs that do different work, and of those that do the same."""

from __future__ import annotations

from latprobe.analysis.mixed_programs import mixed_programs
from latprobe.analysis.report import build_report
from latprobe.analysis.requests import fetch_requests
from latprobe.analysis.scope import EVERYTHING, Scope
from tests.analysis.seeding import MemoryStore, seed


def two_programs(first: str, second: str) -> MemoryStore:
    """30 requests of each, one after another, each with a stage below it."""
    store = MemoryStore()
    for run, root in ((1, first), (2, second)):
        store.add_run(run)
        store.connection.execute(f"UPDATE runs SET service = 'app-{run}' WHERE run_id = {run}")
        for at in range(30):
            trace, begin = run * 100 + at, run * 10_000 + at * 100
            store.add_spans(
                [
                    seed(1, None, root, begin, begin + 50 * run, trace=trace, run_id=run),
                    seed(2, 1, "work", begin, begin + 40 * run, trace=trace, run_id=run),
                ]
            )
    return store


def test_gains_of_programs_with_different_work_are_refused_until_one_is_chosen() -> None:
    store = two_programs("answer", "index")
    found = build_report(store)
    assert (found.gains, found.gains_refused) == (
        (),
        "Requests of 2 services with different work are looked at as one (app-1, app-2): choose a "
        "service (`--service`).",
    )
    assert [gain.stage for gain in build_report(store, Scope(service="app-1")).gains] == ["work"]


def test_services_with_the_same_requests_are_not_mixed() -> None:
    store = two_programs("answer", "answer")
    assert mixed_programs(store, fetch_requests(store, EVERYTHING)) is None
    assert build_report(store).gains


def test_one_service_with_several_kinds_of_requests_is_not_mixed() -> None:
    store = two_programs("answer", "index")
    store.connection.execute("UPDATE runs SET service = 'one'")
    assert mixed_programs(store, fetch_requests(store, EVERYTHING)) is None
