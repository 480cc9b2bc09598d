"""Tables that follow a growing store are those that would be read from it anew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latprobe.analysis import growing_roots, store_growth
from latprobe.analysis.call_table import CallTable
from latprobe.analysis.requests_so_far import follow_requests, read_requests, running_requests
from latprobe.analysis.root_table import RootTable
from latprobe.analysis.scope import EVERYTHING, Scope
from tests.analysis.seeding import EPOCH_NS, MS, MemoryStore, Seed, seed
from tests.analysis.test_roots import SCOPES, traces, with_runs


@pytest.fixture(scope="module")
def kept() -> MemoryStore:
    """A store whose rows each example replaces."""
    return with_runs()


def emptied(store: MemoryStore) -> MemoryStore:
    store.connection.execute(
        "DELETE FROM spans; DELETE FROM usage; UPDATE meta SET value = '0' WHERE key = 'ingest_seq'"
    )
    return store


def ingest(store: MemoryStore, seeds: Sequence[Seed], batch: int) -> None:
    """The spans as one batch, as ingest numbers it."""
    store.add_spans([seed_of_batch(each, batch) for each in seeds])
    store.connection.execute("UPDATE meta SET value = ? WHERE key = 'ingest_seq'", [str(batch)])


def seed_of_batch(each: Seed, batch: int) -> Seed:
    more = {**each.more, "ingest_seq": batch}
    return Seed(each.span_id, each.parent_id, each.name, each.start_ms, each.end_ms, each.trace,
                more)  # fmt: skip


def shown(table: RootTable) -> tuple[object, ...]:
    """All that a table says of its requests."""
    crossing = (table.crossing, table.crossing_run, table.crossing_ns)
    return (
        table.ids(np.arange(len(table))),
        table.name.to_pylist(),
        *(each.tolist() for each in (table.start_ns, table.duration_ns, table.is_error)),
        *(each.tolist() for each in (table.run_id, table.draw)),
        sorted(zip(*(each.tolist() for each in crossing), strict=True)),
        table.services,
        table.versions,
    )


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(traces(), st.data())
def test_roots_that_follow_the_store_are_those_read_anew(
    kept: MemoryStore, seeds: list[Seed], data: st.DataObject
) -> None:
    store = emptied(kept)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(seeds)), max_size=3)))
    order = data.draw(st.permutations(seeds))
    growing = None
    for batch, (begin, end) in enumerate(
        zip([0, *cuts], [*cuts, len(order)], strict=True), start=1
    ):
        ingest(store, order[begin:end], batch)
        growing = read_requests(store) if growing is None else follow_requests(store, growing)
        anew = read_requests(store)
        assert shown(growing.roots) == shown(anew.roots)
        for scope in SCOPES:
            assert growing.roots.rows(scope).tolist() == anew.roots.rows(scope).tolist()


def test_only_what_is_new_is_asked_for(kept: MemoryStore) -> None:
    store = emptied(kept)
    ingest(store, [seed(1, None, "r", at, at + 5, at + 1, pid=1) for at in range(9)], 1)
    growing = read_requests(store)
    asked: list[str] = []

    def listen(sql: str, parameters: Sequence[object] = ()) -> pa.Table:
        asked.append(sql)
        return store(sql, parameters)

    assert follow_requests(listen, growing).roots is growing.roots
    assert len(asked) == 1  # nothing came: one look at how far the store is
    ingest(store, [seed(1, None, "r", 4, 6, 20, pid=1)], 2)
    growing = follow_requests(listen, growing)
    assert len(growing.roots) == 10
    assert all("ingest_seq > 1" in sql for sql in asked[1:])


def test_rows_that_left_are_noticed(kept: MemoryStore) -> None:
    store = emptied(kept)
    ingest(store, [seed(1, None, "r", at, at + 5, at + 1, pid=1) for at in range(9)], 1)
    so_far = read_requests(store)
    store.connection.execute(f"DELETE FROM spans WHERE start_ns < {EPOCH_NS + 4 * MS}")
    ingest(store, [seed(1, None, "r", 9, 11, 20, pid=1)], 2)
    assert shown(follow_requests(store, so_far).roots) == shown(read_requests(store).roots)
    store.add_usage(20, 1)
    assert len(follow_requests(store, so_far).calls.rows) == 1


def test_much_at_once_is_read_with_the_rest(
    kept: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_growth, "FOLLOWED_SPANS", 3)
    store = emptied(kept)
    ingest(store, [seed(1, None, "r", 1, 2, 1, pid=1)], 1)
    growing = read_requests(store)
    ingest(store, [seed(1, None, "r", at, at + 5, at + 2, pid=1) for at in range(4)], 2)
    assert len(follow_requests(store, growing).roots) == 5


def test_texts_stay_in_few_pieces(kept: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing_roots, "MAX_PIECES", 2)
    store = emptied(kept)
    ingest(store, [seed(1, None, "r0", 0, 2, 1, pid=1)], 1)
    growing = read_requests(store)
    for batch in range(2, 6):
        ingest(store, [seed(1, None, f"r{batch}", batch, batch + 2, batch, pid=1)], batch)
        growing = follow_requests(store, growing)
    assert growing.roots.name.num_chunks <= 2
    assert growing.roots.name.to_pylist() == ["r0", "r2", "r3", "r4", "r5"]


def test_calls_are_asked_for_only_where_there_may_be_others(kept: MemoryStore) -> None:
    store = emptied(kept)
    ingest(store, [seed(1, None, "r", at, at + 5, at + 1, pid=1) for at in range(9)], 1)
    store.add_usage(3, 1)
    growing = read_requests(store)
    ingest(store, [seed(1, None, "r", 4, 6, 20, pid=1)], 2)
    same = follow_requests(store, growing)
    assert same.calls is growing.calls
    ingest(store, [seed(2, 1, "late", 3, 4, 3, pid=1, remote_parent=False)], 3)
    touched = follow_requests(store, same)
    assert touched.calls is not same.calls
    assert counted(touched.calls) == counted(read_requests(store).calls)


def counted(table: CallTable) -> list[tuple[object, ...]]:
    columns = [table.rows[name].to_pylist() for name in table.rows.column_names]
    return sorted(zip(*columns, strict=True), key=repr)


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(traces(), st.data())
def test_calls_that_follow_the_store_are_those_read_anew(
    kept: MemoryStore, seeds: list[Seed], data: st.DataObject
) -> None:
    store = emptied(kept)
    cut = data.draw(st.integers(0, len(seeds)))
    is_call = data.draw(st.lists(st.booleans(), min_size=len(seeds), max_size=len(seeds)))
    calls = [each for each, chosen in zip(seeds, is_call, strict=True) if chosen]
    late = data.draw(st.integers(0, len(calls)))
    ingest(store, seeds[:cut], 1)
    add_calls(store, calls[:late])
    growing = read_requests(store)
    for batch in (2, 3):
        ingest(store, seeds[cut:] if batch == 2 else [], batch)
        add_calls(store, calls[late:] if batch == 3 else [])
        growing = follow_requests(store, growing)
        assert counted(growing.calls) == counted(read_requests(store).calls)


def add_calls(store: MemoryStore, calls: Sequence[Seed]) -> None:
    for each in calls:
        start_ns = EPOCH_NS + int(each.start_ms * MS)
        store.add_usage(each.trace, each.span_id, start_ns=start_ns, stage=each.name,
                        input_tokens=each.span_id, output_tokens=3,
                        run_id=each.more.get("run_id", 1))  # fmt: skip


def test_a_new_run_gets_its_service() -> None:
    store = MemoryStore()
    store.add_run(1)
    ingest(store, [seed(1, None, "r", 1, 2, 1, pid=1)], 1)
    growing = read_requests(store)
    store.add_run(2, service="other")
    ingest(store, [seed(1, None, "r", 3, 4, 2, pid=1, run_id=2)], 2)
    followed = follow_requests(store, growing).roots
    assert followed.rows(Scope(service="other")).tolist() == [1]
    assert followed.rows(EVERYTHING).tolist() == [0, 1]


def test_stores_without_spans_and_with_odd_times_can_be_followed(kept: MemoryStore) -> None:
    store = emptied(kept)
    so_far = read_requests(store)
    assert (len(so_far.roots), running_requests(so_far, EVERYTHING, 0)) == (0, 0)
    longest = {"duration_ns": 2**63 - 1, "pid": 7, "remote_parent": False}
    ingest(store, [seed(1, 9, "r", -1.7e12, 0, 1, **longest)], 1)
    so_far = follow_requests(store, so_far)
    assert len(so_far.roots) == 0
    assert running_requests(read_requests(store), EVERYTHING, 0) <= 1
    ingest(store, [seed(9, None, "root", -1.7e12, 5, 1)], 2)
    assert len(follow_requests(store, so_far).roots) == 1


def test_a_long_request_that_has_ended_is_not_running(kept: MemoryStore) -> None:
    """Its root began more than ten minutes before the newest span, its last stages did not."""
    minute = 60_000
    store = emptied(kept)
    inner = {"pid": 1, "remote_parent": False}
    ended = [seed(1, None, "r", 0, 15 * minute, 1), seed(2, 1, "a", 14 * minute, 15 * minute, 1,
                                                         **inner)]  # fmt: skip
    ingest(store, [*ended, seed(2, 1, "a", 14 * minute, 15 * minute, 2, **inner)], 1)
    now_ns = EPOCH_NS + 15 * minute * MS
    assert running_requests(read_requests(store), EVERYTHING, now_ns) == 1
