from __future__ import annotations

from latprobe.analysis.scope import Scope


def test_an_empty_scope_is_true() -> None:
    assert Scope().where() == ("TRUE", [])


def test_each_field_is_one_test_with_its_parameter() -> None:
    scope = Scope(service="app", run_id=0, from_ns=5, to_ns=9, stage="llm", model="m")
    assert scope.where() == (
        "s.start_ns >= ? AND s.start_ns < ? "
        "AND s.run_id IN (SELECT run_id FROM runs WHERE service = ?) "
        "AND s.run_id = ? AND s.name = ? AND s.model = ?",
        [5, 9, "app", 0, "llm", "m"],
    )
