from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latprobe.analysis.requests import (
    count_unfinished,
    fetch_requests,
    fetch_spans,
    requests_sql,
)
from latprobe.analysis.root_table import fetch_roots, longest, newest, spaced
from latprobe.analysis.roots import roots_sql
from latprobe.analysis.scope import EVERYTHING, Scope
from latprobe.analysis.spans import Spans
from latprobe.analysis.tree import build_tree
from tests.analysis.seeding import EPOCH_NS, MS, MemoryStore, Seed, seed, trace_hex

SCOPES = (
    EVERYTHING,
    Scope(from_ns=EPOCH_NS + 4 * MS),
    Scope(from_ns=EPOCH_NS + 2 * MS, to_ns=EPOCH_NS + 9 * MS),
    Scope(run_id=2),
    Scope(service="app"),
    Scope(service="other", from_ns=EPOCH_NS + 3 * MS),
    Scope(version="2.0"),
    Scope(passing="a"),
    Scope(passing="a", calling="m", run_id=2),
    Scope(tag=("lang", "eng"), from_ns=EPOCH_NS + 2 * MS),
)
COLUMNS = "trace_id::VARCHAR AS trace_id, start_ns, greatest(duration_ns, 0) AS d, name, run_id"


@st.composite
def traces(draw: st.DrawFn) -> list[Seed]:
    """Up to 4 traces over two runs: lost, remote and several roots, some starting at once."""
    starts = draw(st.lists(st.integers(0, 13), min_size=1, max_size=14))
    seeds = []
    for span_id, start in enumerate(starts, start=1):
        parent = draw(st.none() | st.integers(1, 14))
        more = {
            "run_id": draw(st.sampled_from((1, 1, 2))),
            "remote_parent": None if parent is None else draw(st.sampled_from((False, True, None))),
            "pid": draw(st.sampled_from((7, 7, None))),
            "model": draw(st.sampled_from((None, "m"))),
            "attributes": draw(st.sampled_from((None, '{"lang": "eng"}', '{"lang": "deu"}'))),
        }
        name, length = draw(st.sampled_from("abc")), draw(st.integers(0, 5))
        trace = draw(st.integers(1, 4))
        seeds.append(seed(span_id, parent, name, start, start + length, trace, **more))
    return seeds


def with_runs() -> MemoryStore:
    store = MemoryStore()
    store.add_run(1)
    store.add_run(2, service="other", version="2.0")
    return store


def filled(seeds: list[Seed]) -> MemoryStore:
    store = with_runs()
    store.add_spans(seeds)
    return store


@pytest.fixture(scope="module")
def kept() -> MemoryStore:
    """A store whose spans each example replaces: an empty one costs as much as many questions."""
    return with_runs()


def refilled(store: MemoryStore, seeds: list[Seed]) -> MemoryStore:
    store.connection.execute("DELETE FROM spans")
    store.add_spans(seeds)
    return store


def rows_of(
    store: MemoryStore, sql: str, parameters: list[object], columns: str = COLUMNS
) -> list[tuple[Any, ...]]:
    """Columns of a query by trace; without Arrow in between, which plans each query once more."""
    found = store.connection.execute(f"SELECT {columns} FROM ({sql}) ORDER BY trace_id", parameters)
    return found.fetchall()


def is_inner(each: Seed) -> bool:
    """Whether its parent is one of this machine's own spans."""
    more = each.more
    return each.parent_id is not None and more["remote_parent"] is False and more["pid"] is not None


def roots_of(seeds: list[Seed]) -> list[tuple[Any, ...]]:
    """COLUMNS of the root of each request and how many spans it has, by the rule in words."""
    found = []
    for trace in sorted({each.trace for each in seeds}):
        own = [each for each in seeds if each.trace == trace]
        root = min(
            own,
            key=lambda s: (
                s.parent_id is not None, s.start_ms, is_inner(s), s.start_ms - s.end_ms, s.span_id
            ),
        )  # fmt: skip
        if not is_inner(root):
            start_ns = EPOCH_NS + int(root.start_ms) * MS
            took_ns = int(root.end_ms - root.start_ms) * MS
            trace_id = str(UUID(trace_hex(trace)))
            found.append((trace_id, start_ns, took_ns, root.name, root.more["run_id"], len(own)))
    return found


def inside(store: MemoryStore, found: list[tuple[Any, ...]], scope: Scope) -> list[tuple[Any, ...]]:
    """Those of `roots_of` that have a span in the scope and start in its window."""
    where, parameters = scope.where()
    touched = store.connection.execute(
        f"SELECT DISTINCT s.trace_id::VARCHAR FROM spans s WHERE {where}", parameters
    ).fetchall()
    return [
        row
        for row in found
        if (row[0],) in touched
        and (scope.from_ns is None or row[1] >= scope.from_ns)
        and (scope.to_ns is None or row[1] < scope.to_ns)
    ]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(traces())
def test_roots_are_those_of_the_requests_whatever_was_recorded(
    kept: MemoryStore, seeds: list[Seed]
) -> None:
    store = refilled(kept, seeds)
    expected = roots_of(seeds)
    for scope in (*SCOPES, Scope(stage="a"), Scope(model="m", run_id=1)):
        wanted = [row[:-1] for row in inside(store, expected, scope)]
        assert rows_of(store, *roots_sql(scope)) == wanted
    for scope in (EVERYTHING, SCOPES[2]):
        sql, parameters = requests_sql(scope)
        found = rows_of(store, sql, parameters, f"{COLUMNS}, spans")
        assert found == inside(store, expected, scope)
    unfinished = len({each.trace for each in seeds}) - len(expected)
    assert count_unfinished(store, EVERYTHING) == unfinished


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(traces())
def test_the_table_of_roots_filters_as_the_queries_do(kept: MemoryStore, seeds: list[Seed]) -> None:
    store = refilled(kept, seeds)
    roots = fetch_roots(store)
    for scope in SCOPES:
        sql, parameters = roots_sql(scope)
        expected = store.connection.execute(
            f"SELECT trace_id, d FROM (SELECT {COLUMNS} FROM ({sql})) ORDER BY start_ns, trace_id",
            parameters,
        ).fetchall()
        rows = roots.rows(scope)
        assert roots.ids(rows) == [trace_id for trace_id, _ in expected]
        assert roots.duration_ns[rows].tolist() == [duration for _, duration in expected]


def test_requests_of_one_tick_without_a_root_are_counted_alike(kept: MemoryStore) -> None:
    """A server's span and what it calls, all recorded in one tick of a coarse clock, in any order:
    the caller is not recorded."""
    seeds = [
        seed(span, parent, name, 5, 5 + took, trace, remote_parent=parent == 99, pid=7)
        for trace in range(1, 9)
        for span, parent, name, took in ((1, 2, "query", 3), (2, 99, "serve", 3), (3, 2, "log", 4))[
            :: (1, -1)[trace % 2]
        ]
    ]
    store = refilled(kept, seeds)
    found = fetch_requests(store, EVERYTHING)
    assert (len(found), set((found.duration_ns // MS).tolist())) == (8, {3})
    assert len(fetch_roots(store)) == 8
    assert fetch_roots(store).name.to_pylist() == ["serve"] * 8
    assert count_unfinished(store, EVERYTHING) == 0
    spans = Spans.from_table(fetch_spans(store, found.trace_id, EPOCH_NS, EPOCH_NS + 9 * MS))
    assert spans.name[build_tree(spans).root].tolist() == [spans.names.index("serve")] * 8


def test_a_finished_request_is_not_unfinished_for_a_stage_or_a_later_window(
    kept: MemoryStore,
) -> None:
    store = refilled(
        kept,
        [
            seed(1, None, "ask", 0, 9, 1, pid=7),
            seed(2, 1, "a", 4, 6, 1, pid=7, remote_parent=False),
            seed(3, 8, "a", 4, 6, 2, pid=7, remote_parent=False),
        ],
    )
    for scope in (EVERYTHING, Scope(stage="a"), Scope(from_ns=EPOCH_NS + 3 * MS)):
        assert count_unfinished(store, scope) == 1


def requests(count: int) -> MemoryStore:
    return filled([seed(1, None, "r", at, at + at % 7, at + 1, pid=1) for at in range(count)])


def test_the_longest_and_the_newest_come_first() -> None:
    roots = fetch_roots(requests(100))
    rows = roots.rows(EVERYTHING)
    assert longest(roots, rows, 3).tolist() == [97, 90, 83]
    assert newest(roots, rows, 3).tolist() == [99, 98, 97]
    assert longest(roots, rows[:2], 5).tolist() == [1, 0]


def test_a_sample_is_spread_and_the_same_each_time() -> None:
    roots = fetch_roots(requests(400))
    rows = roots.rows(EVERYTHING)
    some = spaced(rows, 40, roots.draw)
    assert 15 <= len(some) <= 80
    assert some.tolist() == spaced(rows, 40, roots.draw).tolist()
    assert spaced(rows, 400, roots.draw).tolist() == rows.tolist()


def test_a_stage_is_no_question_for_the_roots() -> None:
    roots = fetch_roots(requests(1))
    with pytest.raises(ValueError, match="stages"):
        roots.rows(Scope(stage="r"))
    assert roots.ids(roots.rows(EVERYTHING))[0].replace("-", "") == trace_hex(1)
