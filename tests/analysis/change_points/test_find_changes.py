"""When stages changed, over whole stores."""

from __future__ import annotations

import json

import numpy as np
import pytest

from latprobe.analysis.change_points import find_changes
from latprobe.analysis.scope import Scope
from latprobe.errors import NoDataError
from tests.analysis.cohorts.random_requests import request_store
from tests.analysis.seeding import MemoryStore, seed


def started(store: MemoryStore, place: int) -> int:
    """When the request at this place began."""
    rows = store("SELECT start_ns FROM spans WHERE name = 'request' ORDER BY start_ns")
    return int(rows["start_ns"][place].as_py())


def slower(
    store: MemoryStore, factor: float, from_ns: int, to_ns: int, where: str = "TRUE"
) -> None:
    store.connection.execute(
        f"UPDATE spans SET duration_ns = duration_ns * {factor} "
        f"WHERE start_ns >= {from_ns} AND start_ns < {to_ns} AND {where}"
    )


@pytest.fixture
def store() -> MemoryStore:
    """400 requests; the llm stage takes 1.4 times as long from the 250th on, with version 2."""
    made = request_store(np.random.default_rng(1), 400)
    at = started(made, 250)
    slower(made, 1.4, at, 1 << 62, "name = 'llm'")
    made.connection.execute(
        "UPDATE spans SET run_id = CASE WHEN start_ns < ? THEN 1 ELSE 2 END", [at]
    )
    made.connection.execute(
        "UPDATE runs SET version = '2.0', git_commit = 'c0ffee' WHERE run_id = 2"
    )
    return made


def test_a_change_is_told_once_with_when_how_much_and_what_began(store: MemoryStore) -> None:
    (change,) = find_changes(store).changes
    at = started(store, 250)
    assert (change.stage, change.template, change.metric, change.also) == ("llm", None, "p50", ())
    assert change.earliest_ns <= at <= change.latest_ns
    assert abs(change.before_count - 250) <= 12
    assert change.ratio_ci95 is not None
    assert change.ratio_ci95.low < 1.4 < change.ratio_ci95.high
    assert (change.run_id, change.version, change.git_commit) == (2, "2.0", "c0ffee")
    assert change.until_ns is None
    assert change.after_p95_ms > change.before_p95_ms


def test_the_stages_around_it_are_named_and_not_told_again() -> None:
    store = request_store(np.random.default_rng(2), 400)
    slower(store, 1.4, started(store, 200), 1 << 62)
    (change,) = find_changes(store).changes
    assert {change.stage, *change.also} == {"request", "llm", "image"}
    assert change.version is None


def test_a_stretch_has_a_beginning_and_an_end() -> None:
    store = request_store(np.random.default_rng(3), 1000)
    slower(store, 2.0, started(store, 600), started(store, 680), "name = 'llm'")
    up, down = sorted(find_changes(store, Scope(stage="llm")).changes, key=lambda c: c.at_ns)
    assert (up.ratio > 1.5, down.ratio < 0.7, up.until_ns) == (True, True, down.at_ns)


def test_it_is_silent_on_noise_also_on_noise_that_wanders() -> None:
    told = [
        len(find_changes(request_store(np.random.default_rng(s), 300, memory=memory)).changes)
        for s in range(3)
        for memory in (0.0, 0.9)
    ]
    assert sum(map(bool, told)) <= 1


def test_one_template_that_changed_is_told_by_its_name() -> None:
    store = request_store(np.random.default_rng(4), 1600)
    store.connection.execute(
        """
        UPDATE usage SET template_id = format('{:032x}', 1 + (hash(trace_id) % 8 > 0)::INT)::UUID;
        INSERT INTO templates BY NAME SELECT format('{:032x}', k)::UUID AS template_id,
            ['rare', 'usual'][k] AS name, 'given' AS source, 1 AS first_seen_ns
        FROM range(1, 3) t(k)
        """
    )
    rare = "name = 'llm' AND hash(trace_id) % 8 = 0"
    slower(store, 1.8, started(store, 800), 1 << 62, rare)
    assert "llm (rare)" in {
        label for each in find_changes(store).changes for label in (each.label, *each.also)
    }


def test_few_spans_are_refused_and_none_is_an_error() -> None:
    found = find_changes(request_store(np.random.default_rng(1), 50))
    assert (found.changes, found.tried) == ((), 0)
    assert "100 spans" in (found.refused or "")
    with pytest.raises(NoDataError):
        find_changes(MemoryStore())


def test_runs_that_all_took_equally_long_are_not_called_few() -> None:
    store = MemoryStore()
    store.add_run()
    store.add_spans(seed(1, None, "request", 100 * at, 100 * at + 5, at + 1) for at in range(120))
    assert "equally long" in (find_changes(store).refused or "")


def test_json_is_plain(store: MemoryStore) -> None:
    found = json.loads(json.dumps(find_changes(store).to_json(), allow_nan=False))
    assert found["changes"][0]["stage"] == "llm"


def second_program(store: MemoryStore, sql: str) -> None:
    """The last 200 requests take a third of the time, and are of run 2, which is as `sql` says."""
    at = started(store, 200)
    slower(store, 1 / 3, at, 1 << 62)
    store.connection.execute(f"UPDATE spans SET run_id = 1 + (start_ns >= {at})::INT")
    store.connection.execute("UPDATE runs SET host = 'one'")
    store.connection.execute(f"UPDATE runs SET {sql} WHERE run_id = 2")


@pytest.mark.parametrize(
    ("sql", "is_change"),
    [
        ("service = 'another'", False),
        ("device = 'another card'", True),  # only one run says what it ran on
        ("host = 'two'", False),
        ("host = 'two', version = '2.0'", True),
        ("version = '2.0'", True),
    ],
)
def test_another_program_or_machine_is_no_change(sql: str, is_change: bool) -> None:
    store = request_store(np.random.default_rng(11), 400)
    second_program(store, sql)
    changes = find_changes(store).changes
    assert bool(changes) is is_change
    assert all(change.service is None for change in changes)


def test_a_program_on_another_card_is_no_change() -> None:
    store = request_store(np.random.default_rng(11), 400)
    store.connection.execute("UPDATE runs SET device = 'one card'")
    second_program(store, "device = 'another card'")
    assert not find_changes(store).changes


def test_a_change_says_whose_stage_it_is_where_several_programs_have_it() -> None:
    store = request_store(np.random.default_rng(12), 800)
    slower(store, 1.6, started(store, 400), 1 << 62, "name = 'llm'")
    store.connection.execute(
        "UPDATE spans SET run_id = 1 + (hash(trace_id) % 2)::INT; "
        "UPDATE runs SET service = 'service-' || run_id"
    )
    changes = find_changes(store).changes
    assert {change.label for change in changes} <= {"llm of service-1", "llm of service-2"}
    assert changes
