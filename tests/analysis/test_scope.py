from __future__ import annotations

import json

import pytest

from latprobe.analysis.requests import fetch_requests
from latprobe.analysis.root_table import fetch_roots
from latprobe.analysis.scope import EVERYTHING, Scope
from tests.analysis.seeding import MemoryStore, seed

ATTRIBUTES = {
    "prompt.version": "v7",
    "page": 3,
    "is_last": True,
    "a/b~c": "slash",
    'say "hi"': "it's $x",
    "größe": "groß",
    "": "nameless",
    "empty": "",
    "nested": {"k": [1, 2]},
}


@pytest.fixture
def store() -> MemoryStore:
    """Trace 1 has the attributes on an inner span, trace 2 has others, trace 3 has none."""
    store = MemoryStore()
    store.add_run(1, version="1.0", git_commit="abc123")
    store.add_run(2, version="2.0")
    first = {"pid": 1, "remote_parent": False}
    store.add_spans(
        [
            seed(1, None, "root", 0, 9, 1, pid=1),
            seed(2, 1, "ocr", 1, 2, 1, attributes=json.dumps(ATTRIBUTES), **first),
            seed(3, 1, "llm", 3, 8, 1, model="m", **first),
            seed(4, None, "root", 10, 19, 2, pid=1, run_id=2),
            seed(5, 4, "ocr", 11, 12, 2, run_id=2, attributes='{"page": "33"}', **first),
            seed(6, None, "root", 20, 29, 3, pid=1, run_id=2),
        ]
    )
    return store


def _traces(store: MemoryStore, scope: Scope) -> list[int]:
    """The numbers of the requests in the scope, by the query and by the table of roots."""
    found = [int(trace.replace("-", ""), 16) for trace in fetch_requests(store, scope).trace_id]
    roots = fetch_roots(store)
    by_table = [int(trace.replace("-", ""), 16) for trace in roots.ids(roots.rows(scope))]
    assert by_table == found
    every = [int(t.replace("-", ""), 16) for t in fetch_requests(store, EVERYTHING).trace_id]
    return [every.index(trace) + 1 for trace in found]


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (Scope(passing="ocr"), [1, 2]),
        (Scope(passing="llm"), [1]),
        (Scope(calling="m"), [1]),
        (Scope(passing="ocr", calling="m"), [1]),
        (Scope(passing="none of them"), []),
        (Scope(version="2.0"), [2, 3]),
        (Scope(version="abc123"), [1]),
        (Scope(version="abc"), []),
        (Scope(version="2.0", passing="ocr"), [2]),
        (Scope(tag=("page", "3")), [1]),
        (Scope(tag=("page", "33")), [2]),
        (Scope(tag=("is_last", "true")), [1]),
        (Scope(tag=("nested", '{"k":[1,2]}')), [1]),
        (Scope(tag=("page", "'; DROP TABLE spans; --")), []),
    ],
)
def test_a_request_is_kept_for_one_of_its_spans(
    scope: Scope, expected: list[int], store: MemoryStore
) -> None:
    assert _traces(store, scope) == expected


@pytest.mark.parametrize("name", [name for name in ATTRIBUTES if name not in ("page", "nested")])
def test_an_attribute_may_have_any_name_and_value(name: str, store: MemoryStore) -> None:
    value = ATTRIBUTES[name]
    tag = (name, "true" if value is True else str(value))
    assert _traces(store, Scope(tag=tag)) == [1]


def test_the_members_of_a_test_are_looked_for_once(store: MemoryStore) -> None:
    roots = fetch_roots(store)
    scope = Scope(passing="ocr")
    assert len(roots.rows(scope)) == 2
    store.connection.execute("DELETE FROM spans")
    assert len(roots.rows(scope)) == 2


def test_the_rollups_know_runs_and_stages_only() -> None:
    assert Scope(version="1", service="s", stage="x", from_ns=3).is_of_whole_runs
    for scope in (Scope(model="m"), Scope(passing="x"), Scope(calling="m"), Scope(tag=("a", "b"))):
        assert not scope.is_of_whole_runs
