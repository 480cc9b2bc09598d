"""The queue against a brute-force event loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latprobe.analysis.queueing import simulate


def by_events(ready: list[int], service: list[int], servers: int) -> list[int]:
    """Starts by looking, moment by moment, at who waits and who is free."""
    waiting = sorted(range(len(ready)), key=lambda row: (ready[row], row))
    ends: list[int] = []
    starts = [0] * len(ready)
    now = min(ready, default=0)
    while waiting:
        ends = [end for end in ends if end > now]
        while waiting and len(ends) < servers and ready[waiting[0]] <= now:
            row = waiting.pop(0)
            starts[row] = now
            if service[row]:
                ends.append(now + service[row])
        moments = [*ends, *(ready[row] for row in waiting[:1])]
        now = min((moment for moment in moments if moment > now), default=now)
    return starts


@given(
    work=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 25)), max_size=40),
    servers=st.integers(1, 6),
)
@settings(max_examples=150, deadline=None)
def test_starts_are_those_of_an_event_loop(work: list[tuple[int, int]], servers: int) -> None:
    ready = [at for at, _ in work]
    service = [takes for _, takes in work]
    found = simulate(np.array(ready, np.int64), np.array(service, np.int64), servers)
    assert found.tolist() == by_events(ready, service, servers)


def test_a_known_order_is_kept_and_handing_over_takes_its_time() -> None:
    ready, service = np.array([0, 1, 2]), np.array([10, 10, 10])
    last_first = np.array([0, 2, 1])
    assert simulate(ready, service, 1, order=last_first).tolist() == [0, 20, 10]
    assert simulate(ready, service, 1, handoff_ns=3).tolist() == [0, 13, 26]
    assert simulate(ready, service, 2, handoff_ns=3).tolist() == [0, 1, 13]


def test_as_many_servers_as_work_let_nothing_wait() -> None:
    assert simulate(np.array([5, 1]), np.array([9, 9]), 2).tolist() == [5, 1]


def test_no_server_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        simulate(np.array([0]), np.array([1]), 0)
