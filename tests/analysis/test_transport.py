"""Spans that only carry a call: whose time theirs is, and where they still stand for themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from latprobe.advice.context import Context
from latprobe.analysis.call_table import fetch_calls
from latprobe.analysis.critical_path import critical_ns
from latprobe.analysis.overview import build_overview
from latprobe.analysis.report import build_report
from latprobe.analysis.request_paths import RequestPaths, add_batch
from latprobe.analysis.requests import fetch_requests, fetch_spans
from latprobe.analysis.root_table import fetch_roots
from latprobe.analysis.scope import EVERYTHING
from latprobe.analysis.self_time import self_ns
from latprobe.analysis.spans import Spans
from latprobe.analysis.trace import load_trace
from latprobe.analysis.traces import list_traces
from latprobe.analysis.tree import build_tree
from latprobe.analysis.whatif.gains import gains
from latprobe.cli.report_text import requests_line
from tests.analysis.random_traces import broken_spans
from tests.analysis.seeding import EPOCH_NS, MS, MemoryStore, Seed, seed, table_of, trace_hex

CLIENT: dict[str, Any] = {"kind": "client"}
CHAT: dict[str, Any] = {
    "kind": "client",
    "operation": "chat",
    "model": "gpt-4o-mini",
    "modality": "text",
}
FAILED: dict[str, Any] = {"kind": "client", "status": "error"}
ROOT = seed(1, None, "answer", 0, 100)


def _critical_ms(seeds: list[Seed]) -> dict[str, int]:
    """What each stage is credited with of one request's critical path, by way of a store."""
    store = MemoryStore()
    store.add_run()
    for each in seeds:
        store.add_spans([each])
    table = fetch_spans(store, [trace_hex(1)], 0, 2 * EPOCH_NS)
    paths = RequestPaths(traces=1)
    add_batch(paths, table, np.ones(1), np.ones(1, np.bool_))
    assert sum(path.critical_ns for path in paths.stages.values()) == paths.wall_ns
    return {name: path.critical_ns // MS for name, path in paths.stages.items()}


CASES: dict[str, tuple[list[Seed], dict[str, int]]] = {
    "the request of a model's client": (
        [ROOT, seed(2, 1, "chat m", 10, 90, **CHAT), seed(3, 2, "POST", 12, 88, **CLIENT)],
        {"answer": 20, "chat m": 80, "POST": 0},
    ),
    "an attempt that failed and the pause before the next": (
        [
            ROOT,
            seed(2, 1, "chat m", 10, 90, **CHAT),
            seed(3, 2, "POST", 12, 30, **FAILED),
            seed(4, 2, "POST", 50, 88, **CLIENT),
        ],
        {"answer": 20, "chat m": 80, "POST": 0},
    ),
    "a driver's request below a query, one more layer below it": (
        [
            ROOT,
            seed(2, 1, "query docs", 10, 60, kind="client", modality="retrieval"),
            seed(3, 2, "qdrant.Points/Search", 12, 58, **CLIENT),
            seed(4, 3, "POST /points", 13, 57, **CLIENT),
        ],
        {"answer": 50, "query docs": 50, "qdrant.Points/Search": 0, "POST /points": 0},
    ),
    "a stage that names its model": (
        [ROOT, seed(2, 1, "llm", 10, 90, model="m"), seed(3, 2, "HTTP POST", 12, 88, **CLIENT)],
        {"answer": 20, "llm": 80, "HTTP POST": 0},
    ),
    "what the other side recorded of it": (
        [
            ROOT,
            seed(2, 1, "chat m", 10, 90, **CHAT),
            seed(3, 2, "POST", 12, 88, **CLIENT),
            seed(4, 3, "POST /v1/chat", 20, 80, kind="server"),
            seed(5, 4, "decode", 30, 80),
        ],
        {"answer": 20, "chat m": 20, "POST": 0, "POST /v1/chat": 10, "decode": 50},
    ),
    "no call: a stage without a model": (
        [ROOT, seed(2, 1, "weather", 10, 90), seed(3, 2, "GET", 12, 88, **CLIENT)],
        {"answer": 20, "weather": 4, "GET": 76},
    ),
    "no call: an agent, and a request of its own": (
        [
            ROOT,
            seed(2, 1, "agent", 10, 90, operation="invoke_agent", model="m"),
            seed(3, 2, "GET", 12, 30, **CLIENT),
            seed(4, 2, "chat m", 30, 88, **CHAT),
        ],
        {"answer": 20, "agent": 4, "GET": 18, "chat m": 58},
    ),
    "no transport: another call of a model, and a query below a stage": (
        [
            ROOT,
            seed(2, 1, "ChatOpenAI", 10, 90, **CHAT),
            seed(3, 2, "chat m", 12, 70, **CHAT),
            seed(4, 1, "llm", 90, 100, model="m"),
            seed(5, 4, "SELECT", 92, 98, **CLIENT),
        ],
        {"answer": 10, "ChatOpenAI": 22, "chat m": 58, "llm": 4, "SELECT": 6},
    ),
    "a request without a call": (
        [ROOT, seed(2, 1, "POST", 10, 90, **CLIENT)],
        {"answer": 20, "POST": 80},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_time_of(case: str) -> None:
    seeds, expected = CASES[case]
    assert _critical_ms(seeds) == expected


def test_what_runs_side_by_side_below_a_call_is_its_own_time_once() -> None:
    table = table_of(
        [
            seed(1, None, "chat m", 0, 100),
            seed(2, 1, "POST", 10, 80),
            seed(3, 1, "POST", 20, 90),
            seed(4, 3, "serve", 30, 70),
        ]
    ).append_column("role", [np.array([2, 1, 1, 0])])
    spans = Spans.from_table(table)
    assert (self_ns(spans, build_tree(spans)) // MS).tolist() == [60, 0, 0, 40]


@settings(max_examples=60, deadline=None)
@given(broken_spans())
def test_crediting_moves_time_and_loses_none(seeds: list[Seed]) -> None:
    table = table_of(seeds)
    roles = np.array([index % 4 for index in range(len(seeds))])
    spans = Spans.from_table(table.append_column("role", [roles]))
    tree = build_tree(spans)
    critical = critical_ns(spans, tree)
    credited, own = tree.credited(critical), self_ns(spans, tree)
    assert np.array_equal(
        np.add.reduceat(credited, spans.offsets()), np.add.reduceat(critical, spans.offsets())
    )
    assert not credited[tree.transport].any()
    assert not own[tree.transport].any()
    assert ((own >= 0) & (own <= spans.duration_ns)).all()
    assert not np.isin(tree.owner, tree.transport).any()


def _chatting(requests: int) -> MemoryStore:
    """Requests of two models by way of one kind of HTTP request; every fourth is made again."""
    store = MemoryStore()
    store.add_run()
    for trace in range(1, requests + 1):
        at = trace * 1000
        model = f"m{trace % 2}"
        slow = 300 + 10 * (trace % 7)
        again = trace % 4 == 0
        call = {"kind": "client", "operation": "chat", "model": model, "modality": "text"}
        store.add_spans([seed(1, None, "answer", at, at + slow + 40, trace)])
        store.add_spans([seed(2, 1, "look", at, at + 20, trace)])
        store.add_spans(
            [seed(3, 1, f"chat {model}", at + 20, at + 20 + slow, trace, cpu_ns=2 * MS, **call)]
        )
        post = {**CLIENT, "cpu_ns": MS, "status": "unset"}
        posts = [seed(5, 3, "POST", at + (150 if again else 22), at + 18 + slow, trace, **post)]
        if again:
            post |= {"status": "error", "error_type": "429"}
            posts.append(seed(4, 3, "POST", at + 22, at + 120, trace, **post))
        for each in posts:
            store.add_spans([each])
    return store


def test_the_report_names_the_models_and_keeps_the_requests_with_their_errors() -> None:
    store = _chatting(24)
    report = build_report(store)
    rows = {row.name: row for row in report.stages}
    assert {report.stages[0].name, report.stages[1].name} == {"chat m0", "chat m1"}
    assert rows["POST"].critical_share == rows["POST"].self_ms_per_trace == 0
    assert (rows["POST"].count, rows["POST"].errors) == (30, 6)
    assert rows["POST"].verdict == "in its call"
    assert rows["chat m0"].verdict == rows["chat m1"].verdict == "server-bound"
    assert sum(row.critical_share for row in report.stages) == pytest.approx(1)
    found = gains(store, fetch_requests(store, EVERYTHING))
    assert [gain.stage for gain in found][:2] == ["chat m0", "chat m1"]
    assert "POST" not in {gain.stage for gain in found}
    for gain in found[:2]:  # nothing but its own work is in it
        assert gain.own_half_ms == pytest.approx(gain.half.p50_ms)


def test_the_screen_the_list_and_the_advice_say_the_same() -> None:
    store = _chatting(24)
    report = {row.name: row.critical_share for row in build_report(store).stages}
    overview = build_overview(store, fetch_roots(store), fetch_calls(store), EVERYTHING)
    assert {row.name: row.critical_share for row in overview.stages} == pytest.approx(report)
    facts = {name: each.critical_share for name, each in Context(store).stages.items()}
    assert facts == pytest.approx(report)
    assert {row.slowest_stage for row in list_traces(store)} == {"chat m0", "chat m1"}


def test_a_trace_still_shows_what_carried_the_call() -> None:
    spans = {span.name: span for span in load_trace(_chatting(1), trace_hex(1)).spans}
    call, post = spans["chat m1"], spans["POST"]
    assert (post.carries, post.self_ns, post.critical_ns) == (call.span_id, 0, 0)
    assert post.carried_ns == post.duration_ns == 306 * MS
    assert post.is_waited_for
    assert call.self_ns == call.critical_ns == call.duration_ns == 310 * MS
    assert (call.carries, call.carried_ns) == (None, 0)


def test_a_call_outside_every_stage_is_said_to_be_one() -> None:
    store = _chatting(3)
    assert build_report(store).bare_calls == 0
    store.add_spans([seed(1, None, "GET", 0, 5, 50, **CLIENT)])
    store.add_spans([seed(1, None, "chat m0", 0, 5, 51, **CHAT)])
    report = build_report(store)
    assert (report.requests.count, report.bare_calls) == (5, 1)
    assert "1 of them is only a client's call outside every stage" in requests_line(report)
