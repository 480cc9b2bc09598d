"""What is said of one server more, against programs that run again with one more."""

from __future__ import annotations

import numpy as np

from latprobe.analysis.load.capacity import Capacity, OneMore, find_capacity
from latprobe.analysis.load.json_shape import to_json
from latprobe.analysis.load.lined_up import around, line_of, runs_apart
from latprobe.analysis.load.report import LoadReport, Period, stage_load
from latprobe.analysis.load.stage_calls import StageCalls
from latprobe.analysis.queueing import find_servers
from latprobe.analysis.queueing.servers import Servers
from latprobe.analysis.refusal import Refusal
from tests.analysis.load.building import calls_of
from tests.analysis.load.virtual_queue import MS, Program


def servers_of(calls: StageCalls) -> Servers:
    """The servers that were found; there have to be some."""
    found = find_servers(calls.arrival_ns, calls.start_ns, calls.end_ns)
    assert found is not None
    return found


def capacity_of(program: Program, seed: list[int]) -> Capacity:
    """What is said of one run of the program."""
    calls = program.run(seed, requests=300)
    return find_capacity(calls, servers_of(calls))


def test_runs_with_one_server_more_fall_into_the_interval() -> None:
    inside = []
    for seed, (arrivals, services) in enumerate(
        [
            *(("poisson", "exponential"), ("poisson", "even"), ("even", "lognormal")),
            *(("bursty", "two_kinds"), ("waves", "exponential"), ("waves", "even")),
        ]
    ):
        program = Program(arrivals, services, 2 + seed % 2, 0.85)
        said = capacity_of(program, [21, seed, 0]).one_more
        assert isinstance(said, OneMore)
        for again in range(3):
            stay = program.run([21, seed, 1 + again], more=1, requests=300).sojourn_ns / MS
            real_ms = np.quantile(stay, (0.5, 0.95)).tolist()
            for estimate, real in zip((said.p50_ms, said.p95_ms), real_ms, strict=True):
                assert estimate.interval is not None
                inside.append(estimate.interval.low <= real <= estimate.interval.high)
    assert len(inside) == 36
    assert np.mean(inside) >= 0.9


def test_what_lies_before_the_line_stays_in_the_prediction() -> None:
    calls = Program("poisson", "even", 1, 0.7).run([3])
    line = line_of(calls, servers_of(calls))
    np.testing.assert_array_equal(np.sort(line.stay_ns()), np.sort(calls.sojourn_ns))
    # With servers for all nobody waits: what is left is the work before the line and the service.
    left_ms = (line.stay_ns(more=400) - line.service_ns) / MS
    assert 0.1 < np.median(left_ms) < 0.2


def test_a_new_replica_takes_its_share() -> None:
    rng = np.random.default_rng(2)
    one = Program("poisson", "exponential", 1, 0.85)
    parts = [one.run([5, number], requests=200) for number in range(2)]
    start, end, arrival = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("start_ns", "end_ns", "arrival_ns")
    )
    order = np.argsort(start, kind="stable")
    names = np.repeat(["gpu0", "gpu1"], 200)[order].tolist()
    calls = calls_of(start[order], end[order], arrival_ns=arrival[order], replica=names)
    servers = find_servers(calls.arrival_ns, calls.start_ns, calls.end_ns, replica=names)
    assert servers is not None
    line = line_of(calls, servers)
    assert line.servers == (1, 1)
    assert line.with_one_more() == 3
    np.testing.assert_array_equal(np.sort(line.stay_ns()), np.sort(calls.sojourn_ns))
    assert line.stay_ns(more=1).mean() < line.stay_ns().mean()
    assert len(line.take(rng.integers(0, 400, 50))) == 50


def test_service_times_that_hang_together_are_refused_with_the_reason() -> None:
    found = capacity_of(Program("poisson", "wandering", 3, 0.8), [1])
    assert isinstance(found.one_more, Refusal)
    assert "hangs together with the runs before it" in found.one_more.reason
    assert "times as long" in found.one_more.reason
    assert found.p95_doubles_per_s is None
    assert found.capacity_per_s.value > 0


def test_the_reason_is_in_the_json_in_place_of_figures() -> None:
    calls = Program("poisson", "wandering", 3, 0.8).run([1])
    stage = stage_load(calls, 400, Period(int(calls.arrival_ns.min()), int(calls.end_ns.max())))
    report = LoadReport(0, 1, 400, 400, stage.busy, (stage,))
    capacity = to_json(report)["stages"][0]["capacity"]  # type: ignore[index]  # plain JSON
    assert capacity["one_more"].keys() == {"refused"}
    assert "independent ones" in capacity["one_more"]["refused"]
    assert capacity["p95_doubles_per_s"] is None


def test_few_runs_are_refused_with_their_number() -> None:
    calls = Program("poisson", "exponential", 1, 0.9).run([2], requests=40)
    found = find_capacity(calls, servers_of(calls)).one_more
    assert isinstance(found, Refusal)
    assert found.reason.startswith("40 runs are too few")


def test_runs_apart_are_fewer_where_neighbours_are_alike() -> None:
    rng = np.random.default_rng(0)
    alone = rng.exponential(20 * MS, 400).astype(np.int64)
    assert 250 < runs_apart(alone) <= 400
    assert runs_apart(np.sort(alone)) < 30
    assert runs_apart(np.full(400, MS)) == 400


def test_draws_of_which_most_are_nothing_have_no_interval() -> None:
    assert around(1.0, np.array([0.0, 0.0, 3.0]), 10) is None
    assert around(1.0, np.array([]), 10) is None
