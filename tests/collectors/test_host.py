"""Readings of the host and of processes."""

from __future__ import annotations

import os
import subprocess
import sys

from latprobe_collectors.contract import Sample
from latprobe_collectors.host import HostCollector, OwnCostCollector, ProcessCollector


def test_the_host_has_three_readings_with_units_in_their_names() -> None:
    found = list(HostCollector(lambda: 5).collect())

    assert [(s.time_ns, s.source, s.metric) for s in found] == [
        (5, "host", "host.cpu_pct"),
        (5, "host", "host.mem_used_bytes"),
        (5, "host", "host.load1"),
    ]
    assert all(sample.value >= 0 for sample in found)


def test_a_process_shows_cpu_from_its_second_reading_on() -> None:
    me = os.getpid()
    collector = ProcessCollector(lambda: [me], lambda: 5)
    rounds = [[(s.metric, s.pid) for s in collector.collect()] for _ in range(2)]

    assert rounds == [
        [("process.rss_bytes", me)],
        [("process.rss_bytes", me), ("process.cpu_pct", me)],
    ]


def test_a_process_that_has_gone_has_no_reading() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()

    assert list(ProcessCollector(lambda: [gone.pid]).collect()) == []


def test_the_agents_own_share_is_cpu_over_time() -> None:
    times, cpu = iter([0, 1_000_000_000]), iter([0, 20_000_000])
    collector = OwnCostCollector(lambda: next(times), lambda: next(cpu))

    assert list(collector.collect()) == [Sample(1_000_000_000, "agent", "agent.cpu_pct", 2.0)]
