"""What is known of requests that have not ended, and how often a page is drawn again."""

from __future__ import annotations

import numpy as np
import pytest

from latprobe.analysis.scope import Scope
from latprobe_dashboard.health_queries import read_clock_skew
from latprobe_dashboard.live_queries import LONGEST_NS, read_pulse
from tests.analysis.seeding import EPOCH_NS, MS, MemoryStore, seed, trace_hex

INNER = {"pid": 1, "remote_parent": False}
NOW_NS = EPOCH_NS + LONGEST_NS


def _at(ago_ms: float) -> float:
    return LONGEST_NS / MS - ago_ms


def _store() -> MemoryStore:
    store = MemoryStore()
    store.add_run(1)
    return store


def test_a_request_whose_stages_end_and_whose_root_does_not_is_running() -> None:
    store = _store()
    store.add_spans(
        [
            seed(2, 1, "ocr", _at(5_000), _at(4_000), 1, **INNER),
            seed(3, 1, "llm", _at(4_000), _at(1_000), 1, **INNER),
            seed(1, None, "done", _at(3_000), _at(1_000), 2, pid=1),
            seed(2, 1, "ocr", _at(3_000), _at(2_000), 2, **INNER),
        ]
    )
    (running,) = read_pulse(store, NOW_NS).running
    assert running.trace_id == trace_hex(1)
    assert (running.last_stage, running.spans) == ("llm", 2)
    assert running.begun_ns == EPOCH_NS + int(_at(5_000)) * MS
    assert running.heard_ns == EPOCH_NS + int(_at(1_000)) * MS


def test_a_request_that_is_silent_for_a_minute_is_not_live() -> None:
    store = _store()
    store.add_spans([seed(2, 1, "ocr", _at(90_000), _at(80_000), 1, **INNER)])
    assert read_pulse(store, NOW_NS).running == ()


def test_a_long_request_whose_root_ended_is_not_running() -> None:
    store = _store()
    store.add_spans(
        [
            seed(1, None, "root", -700_000, _at(500), 1, pid=1),
            seed(2, 1, "late", _at(5_000), _at(600), 1, **INNER),
        ]
    )
    assert read_pulse(store, NOW_NS).running == ()


def test_clocks_that_differ_are_found_by_calls_that_begin_too_early() -> None:
    store = _store()
    store.add_spans(
        [
            seed(1, None, "client", 100, 200, 1, pid=1),
            seed(2, 1, "server", 60, 90, 1, pid=2, remote_parent=True),
            seed(3, 1, "server", 110, 120, 1, pid=2, remote_parent=True),
            seed(4, 9, "stranger", 0, 1, 1, pid=2, remote_parent=True),
        ]
    )
    skew = read_clock_skew(store)
    assert (skew.crossings, skew.early, skew.worst_ns) == (2, 1, 40 * MS)
    assert read_clock_skew(MemoryStore()).crossings == 0


def test_the_filters_choose_whose_last_minute_it_is() -> None:
    store = MemoryStore()
    store.add_run(1, service="chat")
    store.add_run(2, service="search")
    store.add_spans(
        [
            seed(1, None, "ask", _at(5_000), _at(1_000), 1, pid=1, run_id=1),
            seed(2, 1, "ocr", _at(4_000), _at(2_000), 1, pid=1, remote_parent=False, run_id=1),
            seed(1, None, "find", _at(5_000), _at(4_000), 2, pid=2, run_id=2),
            seed(2, 1, "rank", _at(3_000), _at(2_000), 3, pid=2, remote_parent=False, run_id=2),
        ]
    )
    everyone = read_pulse(store, NOW_NS)
    assert (everyone.requests, len(everyone.newest), len(everyone.running)) == (2, 2, 1)
    scopes = [Scope(service="chat"), Scope(run_id=2), Scope(passing="ocr"), Scope(service="none")]
    found = [read_pulse(store, NOW_NS, scope) for scope in scopes]
    assert [[each.name for each in pulse.newest] for pulse in found] == [
        ["ask"], ["find"], ["ask"], []
    ]  # fmt: skip
    assert [pulse.requests for pulse in found] == [1, 1, 1, 0]
    assert [sum(point.requests for point in pulse.points) for pulse in found] == [1, 1, 1, 0]
    assert [len(pulse.running) for pulse in found] == [0, 1, 0, 0]


@pytest.mark.parametrize("each_ms", [500, 7_000])  # more than enough for the newest ones, and fewer
def test_the_last_minute_is_what_its_requests_say(each_ms: int) -> None:
    store = _store()
    took_ms = np.random.default_rng(3).integers(1, 20_000, size=200).tolist()
    requests = [
        # by a clock that is ahead the first end in the future
        (at, _at(at * each_ms - 4_000) - took, took, "error" if at % 5 == 0 else "ok")
        for at, took in enumerate(took_ms)
    ]
    store.add_spans(
        [
            seed(1, None, f"r{at}", begun, begun + took, at + 1, pid=1, status=status)
            for at, begun, took, status in requests
        ]
    )
    pulse = read_pulse(store, NOW_NS)
    ended = {at for at, *_ in requests if 0 < at * each_ms - 4_000 <= 60_000}
    durations = [took for at, _, took, _ in requests if at in ended]
    assert pulse.requests == len(ended)
    assert pulse.errors == sum(at % 5 == 0 for at in ended)
    assert pulse.p50_ms == pytest.approx(np.quantile(durations, 0.5))
    assert pulse.p95_ms == pytest.approx(np.quantile(durations, 0.95))
    last = sorted(requests, key=lambda each: -each[1])[:20]
    assert [each.name for each in pulse.newest] == [f"r{at}" for at, *_ in last]
    for point in pulse.points:
        step_ms = (point.time_ns - NOW_NS) / MS
        inside = [
            (took, status)
            for at, _, took, status in requests
            if step_ms <= 4_000 - at * each_ms < step_ms + 2_000
        ]
        assert point.requests == len(inside)
        assert point.errors == sum(status == "error" for _, status in inside)
        found = np.quantile([took for took, _ in inside], 0.95) if inside else None
        assert point.p95_ms == (pytest.approx(found) if inside else None)


def test_the_window_of_the_filters_is_not_the_last_minute() -> None:
    store = _store()
    store.add_spans([seed(1, None, "ask", _at(5_000), _at(1_000), 1, pid=1)])
    assert read_pulse(store, NOW_NS, Scope(from_ns=NOW_NS, to_ns=NOW_NS + 1)).requests == 1
