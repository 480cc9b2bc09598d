"""The time of runs, without that between them."""

from __future__ import annotations

import numpy as np
import pytest

from latprobe.analysis.active_time import active_ns, throughput_per_s
from latprobe.analysis.call_table import fetch_calls
from latprobe.analysis.compare import measure
from latprobe.analysis.load import load_report
from latprobe.analysis.overview import build_overview
from latprobe.analysis.report import build_report
from latprobe.analysis.root_table import fetch_roots
from latprobe.analysis.scope import EVERYTHING
from tests.analysis.seeding import MemoryStore, seed


def test_the_pause_between_runs_is_nobodys_time() -> None:
    start, run = np.array([0, 50, 10_000, 10_050]), np.array([1, 1, 2, 2])
    assert active_ns(start, start + 50, run) == 200
    assert throughput_per_s(start, start + 50, run) == pytest.approx(2e7)


def test_runs_at_the_same_time_count_once_and_pauses_within_one_count() -> None:
    start, run = np.array([8, 10, 500, 20]), np.array([7, 3, 3, 9])
    assert active_ns(start, start + 5, run) == 497


def test_no_requests_and_no_time_have_no_throughput() -> None:
    none = np.zeros(0, np.int64)
    assert (active_ns(none, none, none), throughput_per_s(none, none, none)) == (0, None)
    assert throughput_per_s(np.array([5]), np.array([5]), np.array([1])) is None


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    """Two runs of 20 requests, one at a time, 4 a second, an hour apart."""
    found = MemoryStore()
    for run in (1, 2):
        found.add_run(run)
        begin = (run - 1) * 3_600_000
        found.add_spans(
            seed(1, None, "request", begin + at * 250, begin + at * 250 + 250, run * 100 + at,
                 run_id=run)
            for at in range(20)
        )  # fmt: skip
    return found


def test_every_page_has_the_same_throughput(store: MemoryStore) -> None:
    roots = fetch_roots(store)
    overview = build_overview(store, roots, fetch_calls(store), EVERYTHING)
    found = [
        build_report(store).requests.throughput_per_s,
        overview.requests.throughput_per_s,
        measure(store, EVERYTHING).throughput_per_s,
        load_report(store).busy.rate_per_s,
    ]
    assert found == pytest.approx([4.0] * 4)


def test_load_is_that_of_the_time_in_which_the_program_ran(store: MemoryStore) -> None:
    report = load_report(store)
    (stage,) = report.stages
    for busy in (report.busy, stage.busy):
        assert (busy.mean_running, busy.occupied_share) == pytest.approx((1.0, 1.0))
