"""Finding the number of servers in what was recorded."""

from __future__ import annotations

import numpy as np
import pytest

from latprobe.analysis.queueing import find_servers, look_for_servers, simulate
from latprobe.analysis.spans import Ints

MS = 1_000_000


def queue(
    seed: int,
    servers: int,
    load: float,
    *,
    count: int = 600,
    is_random: bool = True,
    handoff_ns: int = 0,
) -> tuple[Ints, Ints, Ints]:
    """(arrival, start, end) of an M/M/n or M/D/n queue with a mean service time of 20 ms."""
    rng = np.random.default_rng(seed)
    service = rng.exponential(20 * MS, count) if is_random else np.full(count, 20.0 * MS)
    whole = service.astype(np.int64) + 1
    arrival = np.cumsum(rng.exponential(20 * MS / servers / load, count)).astype(np.int64)
    start = simulate(arrival, whole, servers, handoff_ns=handoff_ns)
    return arrival, start, start + whole


@pytest.mark.parametrize("is_random", [True, False])
@pytest.mark.parametrize("load", [0.3, 0.5, 0.7, 0.9, 0.98])
@pytest.mark.parametrize("servers", [1, 2, 3, 5, 8, 16])
def test_the_number_is_found_or_no_queue_formed(servers: int, load: float, is_random: bool) -> None:
    for seed in range(3):
        arrival, start, end = queue(seed, servers, load, is_random=is_random)
        found = look_for_servers(arrival, start, end)
        if found.servers is None:
            assert int((start > arrival).sum()) < 10
            assert "No queue formed" in str(found.reason)
        else:
            assert found.servers.count == servers
            assert found.servers.explained > 0.99
            assert found.servers.is_first_come


def test_no_limit_is_none_however_much_lies_before_the_start() -> None:
    for seed in range(120):
        rng = np.random.default_rng(seed)
        service = rng.exponential(20 * MS, 300).astype(np.int64)
        arrival = np.cumsum(rng.exponential(20 * MS / rng.uniform(0.3, 12), 300)).astype(np.int64)
        gap = rng.exponential(float(rng.choice([0.01, 1, 10, 50])) * MS, 300).astype(np.int64)
        assert find_servers(arrival, arrival + gap, arrival + gap + service) is None


def test_waiting_for_something_else_is_said() -> None:
    rng = np.random.default_rng(0)
    arrival = np.cumsum(rng.exponential(4 * MS, 400)).astype(np.int64)
    start = arrival + rng.exponential(50 * MS, 400).astype(np.int64)
    found = look_for_servers(arrival, start, start + 20 * MS)
    assert found.servers is None
    assert "not for one another" in str(found.reason)


def test_a_light_load_cannot_tell() -> None:
    found = look_for_servers(*queue(0, 8, 0.2))
    assert found.servers is None
    assert str(found.reason).startswith("No queue formed: 0 of 600 runs waited")


def test_few_runs_are_not_judged() -> None:
    arrival, start, end = queue(0, 1, 0.9, count=5)
    assert "Only 5 runs" in str(look_for_servers(arrival, start, end).reason)


def test_unrecorded_work_before_the_start_is_no_waiting() -> None:
    arrival, start, end = queue(3, 3, 0.8)
    found = find_servers(arrival - 5 * MS, start, end)
    assert found is not None
    assert (found.count, found.lead_ns) == (3, 5 * MS)


def test_work_of_equal_length_that_ends_together_still_waited() -> None:
    rng = np.random.default_rng(8)
    arrival, start, end = queue(8, 4, 0.95, is_random=False)
    jitter = rng.integers(0, 50_000, 600)
    found = find_servers(arrival, start + jitter, end + jitter)
    assert found is not None
    assert found.count == 4
    assert found.lead_ns < 100_000


def test_the_time_between_two_pieces_of_work_is_found() -> None:
    found = find_servers(*queue(1, 2, 0.85, handoff_ns=300_000))
    assert found is not None
    assert found.count == 2
    assert 250_000 < found.handoff_ns < 350_000


def test_any_order_of_service_is_recognised() -> None:
    rng = np.random.default_rng(5)
    arrival = np.cumsum(rng.exponential(11 * MS, 500)).astype(np.int64)
    service = rng.exponential(20 * MS, 500).astype(np.int64) + 1
    start = last_come_first_served(arrival, service, 2)
    found = find_servers(arrival, start, start + service)
    assert found is not None
    assert (found.count, found.is_first_come) == (2, False)


def last_come_first_served(arrival: Ints, service: Ints, servers: int) -> Ints:
    """Starts where whoever came last is next."""
    free = [0] * servers
    starts = np.zeros(len(arrival), np.int64)
    waiting: list[int] = []
    coming = 0
    while coming < len(arrival) or waiting:
        server = int(np.argmin(free))
        now = free[server]
        if not waiting:
            now = max(now, int(arrival[coming]))
        while coming < len(arrival) and arrival[coming] <= now:
            waiting.append(coming)
            coming += 1
        row = waiting.pop()
        starts[row] = now
        free[server] = now + int(service[row])
    return starts


def test_replicas_with_a_line_each_are_told_apart() -> None:
    parts = [queue(seed, servers, 0.85) for seed, servers in ((1, 2), (2, 3))]
    arrival, start, end = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    found = find_servers(arrival, start, end, replica=["a"] * 600 + ["b"] * 600)
    assert found is not None
    assert (found.count, found.replicas) == (5, (("a", 2), ("b", 3)))


def test_replicas_that_take_from_one_line_are_one_queue() -> None:
    arrival, start, end = queue(4, 4, 0.9)
    names = [f"r{row % 2}" for row in range(len(start))]
    found = find_servers(arrival, start, end, replica=names)
    assert found is not None
    assert (found.count, found.replicas) == (4, ())


def test_clocks_that_disagree_a_little_hide_nothing() -> None:
    arrival, start, end = queue(6, 3, 0.9)
    rng = np.random.default_rng(0)
    found = find_servers(
        arrival, start + rng.integers(-100_000, 100_000, 600), end + rng.integers(-1, 100_000, 600)
    )
    assert found is not None
    assert found.count == 3
