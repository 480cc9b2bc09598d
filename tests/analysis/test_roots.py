from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latprobe.analysis.requests import requests_sql
from latprobe.analysis.root_table import fetch_roots, longest, newest, spaced
from latprobe.analysis.roots import roots_sql
from latprobe.analysis.scope import EVERYTHING, Scope
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
    """Up to 4 traces over two runs: lost, remote and several roots; no two spans start at once."""
    starts = draw(st.permutations(range(14)))
    seeds = []
    for span_id, start in enumerate(starts[: draw(st.integers(1, 14))], start=1):
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


def rows_of(store: MemoryStore, sql: str, parameters: list[object]) -> list[tuple[object, ...]]:
    """COLUMNS of a query by trace; without Arrow in between, which plans each query once more."""
    found = store.connection.execute(f"SELECT {COLUMNS} FROM ({sql}) ORDER BY trace_id", parameters)
    return found.fetchall()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(traces())
def test_roots_are_those_of_the_requests_whatever_was_recorded(
    kept: MemoryStore, seeds: list[Seed]
) -> None:
    store = refilled(kept, seeds)
    for scope in (*SCOPES, Scope(stage="a"), Scope(model="m", run_id=1)):
        assert rows_of(store, *roots_sql(scope)) == rows_of(store, *requests_sql(scope))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(traces())
def test_the_table_of_roots_filters_as_the_queries_do(kept: MemoryStore, seeds: list[Seed]) -> None:
    store = refilled(kept, seeds)
    roots = fetch_roots(store)
    for scope in SCOPES:
        sql, parameters = requests_sql(scope)
        expected = store.connection.execute(
            f"SELECT trace_id, d FROM (SELECT {COLUMNS} FROM ({sql})) ORDER BY start_ns", parameters
        ).fetchall()
        rows = roots.rows(scope)
        assert roots.ids(rows) == [trace_id for trace_id, _ in expected]
        assert roots.duration_ns[rows].tolist() == [duration for _, duration in expected]


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
