"""Which calls wait for the token pass, as batch after batch comes in and is counted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from latprobe.config import Settings
from latprobe.store import token_candidates
from latprobe.store.owner import StoreOwner
from latprobe.store.token_candidates import Candidates, Ready
from latprobe.store.token_pass import TokenPass
from tests.journal.building import SegmentBuilder

CALL = {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 7}


def record(owner: StoreOwner, name: str, traces: range, *, with_root: bool = True) -> None:
    """One batch: a call in each trace, and the trace's root or not."""
    build = SegmentBuilder(owner.home / "journal" / f"{name}.lpj", capacity=400)
    for trace in traces:
        build.span("chat", trace=trace, span=trace * 2 + 1, parent=trace * 2, details=CALL)
        if with_root:
            build.span("root", trace=trace, span=trace * 2)
    build.close()
    owner.ingest_journal()


def waiting(owner: StoreOwner) -> Candidates:
    """Nobody looked yet; nothing becomes ready by waiting."""
    return Candidates(owner.query, 0, now_ns=lambda: 0, monotonic_ns=lambda: 0)


def taken(candidates: Candidates, *, calls: int = 3) -> list[int]:
    """The span ids of what is ready, some at a time, each time counted."""
    found: list[int] = []
    while (ready := candidates.ready(calls=calls, size_bytes=1 << 20)) is not None:
        found += [span for _, span in ready.keys]
        candidates.done(ready)
    return found


def test_calls_leave_in_their_order_and_each_once(tmp_path: Path) -> None:
    with StoreOwner(tmp_path) as owner:
        record(owner, "a", range(1, 11))
        candidates = waiting(owner)
        candidates.look()
        assert len(candidates) == 10
        assert taken(candidates) == [trace * 2 + 1 for trace in range(1, 11)]
        assert len(candidates) == 0
        assert candidates.counted_seq() == owner.ingested


def test_calls_whose_root_is_missing_let_others_pass(tmp_path: Path) -> None:
    with StoreOwner(tmp_path) as owner:
        record(owner, "a", range(1, 4), with_root=False)
        record(owner, "b", range(4, 8))
        candidates = waiting(owner)
        candidates.look()
        assert taken(candidates, calls=2) == [9, 11, 13, 15]
        assert len(candidates) == 3
        assert candidates.counted_seq() == 0

        build = SegmentBuilder(tmp_path / "journal" / "c.lpj")
        for trace in (3, 1):
            build.span("root", trace=trace, span=trace * 2)
        build.close()
        owner.ingest_journal()
        candidates.look()
        assert taken(candidates) == [3, 7]


def test_what_is_asked_for_before_it_is_counted_is_still_waiting(tmp_path: Path) -> None:
    with StoreOwner(tmp_path) as owner:
        record(owner, "a", range(1, 4))
        record(owner, "b", range(4, 6))
        candidates = waiting(owner)
        candidates.look()
        ready = candidates.ready(calls=3, size_bytes=1 << 20)
        assert ready is not None
        assert candidates.counted_seq(ready) == 1
        assert candidates.counted_seq() == 0
        assert len(candidates) == 5
        half = Ready(
            ready.keys[1:2], ready.first_seq, ready.last_seq, ready.first_ns, ready.last_ns
        )
        candidates.done(half)
        assert taken(candidates) == [3, 7, 9, 11]


@pytest.mark.parametrize("batch_calls", [1, 2, 1_000])
@pytest.mark.parametrize(
    "batches",
    [[[1, 2, 1, 3]], [[1, 2], [1, 3]], [[1, 2, 3], [1, 2, 3]], [[1], [2, 1], [1]]],
    ids=["in one batch", "in two", "all again", "again and again"],
)
def test_a_span_that_was_sent_twice_is_counted_once(
    tmp_path: Path, batches: list[list[int]], batch_calls: int
) -> None:
    calls = {number for batch in batches for number in batch}
    with StoreOwner(tmp_path) as owner:
        for number, batch in enumerate(batches):
            build = SegmentBuilder(tmp_path / "journal" / f"{number}.lpj", capacity=400)
            for trace in batch:
                build.span("chat", trace=trace, span=5, details=CALL)
            build.close()
            owner.ingest_journal()
        settings = Settings(home=tmp_path)
        counting = TokenPass(owner._database, lambda: settings, batch_calls=batch_calls)
        assert counting.run(force=True) == len(calls)
        sums = owner.query("SELECT count(*) AS n, sum(input_tokens) AS tokens FROM usage")
        assert sums.to_pylist() == [{"n": len(calls), "tokens": 7 * len(calls)}]
        assert counting.run(force=True) == 0


def test_roots_of_calls_that_wait_are_found_however_many_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_candidates, "MAX_WAITING", 3)
    with StoreOwner(tmp_path) as owner:
        record(owner, "a", range(1, 5), with_root=False)
        candidates = waiting(owner)
        candidates.look()
        record(owner, "b", range(5, 7))
        build = SegmentBuilder(tmp_path / "journal" / "c.lpj")
        for trace in range(1, 5):
            build.span("root", trace=trace, span=trace * 2)
        build.close()
        owner.ingest_journal()
        assert taken(candidates) == []
        candidates.look()
        assert taken(candidates) == [3, 5, 7, 9]
        while candidates.look():
            pass
        assert taken(candidates) == [11, 13]


@pytest.mark.parametrize(
    "details",
    [
        {"gen_ai.usage.input_tokens": 7},
        {"gen_ai.usage.output_tokens": 7},
        {"gen_ai.operation.name": "embeddings"},
        {"gen_ai.request.model": "m", "gen_ai.prompt.0.content": "text"},
    ],
)
def test_whatever_can_be_a_call_is_looked_at(tmp_path: Path, details: dict[str, object]) -> None:
    with StoreOwner(tmp_path) as owner:
        owner.count_tokens()
        build = SegmentBuilder(tmp_path / "journal" / "a.lpj")
        build.span("root", trace=1, span=1)
        build.span("ask", trace=1, span=2, parent=1, details=details)
        build.close()
        owner.ingest_journal()
        owner.count_tokens()
        rows = owner.query("SELECT span_id FROM usage").to_pylist()

    assert rows == [{"span_id": 2}]


def test_batches_without_a_call_are_not_asked_for_and_not_looked_at_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    with StoreOwner(tmp_path) as owner:
        build = SegmentBuilder(tmp_path / "journal" / "a.lpj").hold_lock()
        build.span("load", trace=1, span=1)
        owner.ingest_journal()
        owner.count_tokens()  # what came before the owner knows may be calls
        query = owner._tokens._candidates._query

        def asking(sql: str, parameters: Sequence[object] = ()) -> pa.Table:
            asked.append(sql)
            return query(sql, parameters)

        monkeypatch.setattr(owner._tokens._candidates, "_query", asking)
        for number in range(2, 6):
            build.span("load", trace=number, span=number)
            owner.ingest_journal()
            owner.count_tokens()
        without = list(asked)
        build.span("ask", trace=9, span=9, details=CALL)
        owner.ingest_journal()
        counted = owner.count_tokens()
        reached = owner._tokens._candidates.counted_seq()
        latest = owner.ingested

    assert (without, counted) == ([], 1)
    assert (asked != [], reached) == (True, latest)
