"""How many run at once."""

from __future__ import annotations

import numpy as np

from latprobe.analysis.queueing.concurrency import in_system, others_running, running_at


def test_who_ends_as_another_starts_does_not_count() -> None:
    start, end = np.array([0, 0, 10, 12]), np.array([10, 20, 20, 12])
    assert others_running(start, end).tolist() == [0, 1, 1, 2]


def test_an_end_within_the_tolerance_counts_as_ended() -> None:
    start, end = np.array([0, 8]), np.array([10, 20])
    assert others_running(start, end).tolist() == [0, 1]
    assert others_running(start, end, tolerance_ns=2).tolist() == [0, 0]


def test_rows_may_stand_in_any_order() -> None:
    start, end = np.array([10, 0, 5]), np.array([20, 30, 12])
    assert others_running(start, end).tolist() == [2, 0, 1]


def test_running_at_a_moment() -> None:
    start, end = np.array([0, 5]), np.array([10, 15])
    assert running_at(start, end, np.array([0, 3, 5, 7, 10, 12, 15])).tolist() == [
        0, 1, 1, 2, 1, 1, 0,
    ]  # fmt: skip


def test_who_waits_for_a_server_is_in_the_system_though_it_does_not_run() -> None:
    # One server. The third comes as the first ends, and the second, which waited, takes its place.
    arrival, start, end = np.array([0, 1, 10]), np.array([0, 10, 18]), np.array([10, 18, 25])
    assert in_system(arrival, start, end).tolist() == [0, 1, 1]
    assert running_at(start, end, arrival).tolist() == [0, 1, 0]


def test_who_comes_at_one_moment_counts_in_the_order_of_the_starts() -> None:
    arrival, start, end = np.array([0, 0, 0]), np.array([8, 0, 4]), np.array([9, 4, 8])
    assert in_system(arrival, start, end).tolist() == [2, 0, 1]
