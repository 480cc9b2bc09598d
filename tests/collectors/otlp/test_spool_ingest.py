"""From the files into the store: once each, whatever happens in between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from latprobe.agent.inlets import take_leftovers
from latprobe.errors import StoreError
from latprobe.store.owner import StoreOwner
from latprobe_collectors.otlp import spool_ingest, storing
from latprobe_collectors.otlp.spool import Spool, spool_files
from latprobe_collectors.otlp.spool_ingest import SpoolIngest
from tests.collectors.otlp.building import START_NS, request, span


def call(number: int, **fields: Any) -> Span:
    """A span with usage."""
    said = {"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 3}
    return span(number, attributes=said, **fields)


def put(spool: Spool, *numbers: int, **fields: Any) -> None:
    """Spools one request with a span of each number."""
    spans = [call(number, **fields) for number in numbers]
    spool.append(request(*spans).SerializeToString(), len(spans))


def take_all(owner: StoreOwner, spool: Spool) -> None:
    """What the thread does."""
    ingest = SpoolIngest(owner, spool)
    while ingest.take():
        pass


def stored(owner: StoreOwner) -> list[int]:
    """The spans' numbers."""
    table = owner.query("SELECT span_id FROM spans ORDER BY span_id")
    found: list[int] = table.column("span_id").to_pylist()
    return found


def test_requests_become_rows_and_the_file_goes(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "otlp")
    put(spool, 1, 2)
    put(spool, 3)
    spool.close()
    with StoreOwner(tmp_path) as owner:
        take_all(owner, spool)
        owner.count_tokens()
        counts = owner.query(
            "SELECT (SELECT count(*) FROM spans) AS spans, (SELECT count(*) FROM usage) AS usage, "
            "(SELECT count(*) FROM runs) AS runs, (SELECT min(service) FROM runs) AS service"
        ).to_pylist()

    assert counts == [{"spans": 3, "usage": 3, "runs": 1, "service": "shop"}]
    assert (spool_files(tmp_path / "otlp"), spool.backlog_bytes) == ([], 0)


def test_a_span_that_is_sent_again_is_stored_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "otlp")
    with StoreOwner(tmp_path) as owner:
        ingest = SpoolIngest(owner, spool)
        put(spool, 1, 2)
        ingest.take()
        put(spool, 2, 3)
        put(spool, 3, start_time_unix_nano=START_NS + 1000)
        ingest.take()
        owner.count_tokens()
        rows = owner.query("SELECT count(*) AS n FROM usage").to_pylist()

        assert (stored(owner), rows) == ([1, 2, 3], [{"n": 3}])


def test_an_owner_that_died_after_a_commit_repeats_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "otlp")
    put(spool, 1)
    with StoreOwner(tmp_path) as owner:
        SpoolIngest(owner, spool).take()
        owner.add(lambda con, runs, sequence: len(con.execute("DELETE FROM spans").fetchall()))
        put(spool, 2)
        take_all(owner, spool)

        assert stored(owner) == [2]


def test_a_transaction_that_fails_leaves_the_requests_for_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path / "otlp")
    put(spool, 1)
    with StoreOwner(tmp_path) as owner:
        ingest = SpoolIngest(owner, spool)
        with monkeypatch.context() as patch:

            def full(*_: object) -> int:
                raise duckdb.IOException("No space left on device")

            patch.setattr(spool_ingest, "store_rows", full)
            with pytest.raises(StoreError, match="No space left"):
                ingest.take()
        ingest.take()

        assert stored(owner) == [1]


def test_a_request_that_the_database_never_takes_is_kept_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path / "otlp")
    for number in (1, 2, 3):
        put(spool, number)

    def picky(con: Any, runs: Any, sequence: int, rows: Any) -> int:
        if 2 in rows.spans.column("span_id").to_pylist():
            raise duckdb.ConversionException("no such thing")
        return storing.store_rows(con, runs, sequence, rows)

    monkeypatch.setattr(spool_ingest, "store_rows", picky)
    with StoreOwner(tmp_path) as owner:
        ingest = SpoolIngest(owner, spool)
        ingest.take()
        notes = owner.status().notes

        assert (stored(owner), ingest.take()) == ([1, 3], 0)
    (aside,) = (tmp_path / "otlp").glob("*.refused")
    assert str(aside) in notes[0]
    assert aside.read_bytes() == request(call(2)).SerializeToString()


def test_what_a_killed_receiver_had_accepted_is_taken_in_by_the_next_owner(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "otlp")
    put(spool, 1)
    put(spool, 2)
    (path,) = spool_files(tmp_path / "otlp")
    with open(path, "ab") as file:
        file.write(b"torn")
    with StoreOwner(tmp_path) as owner:
        take_leftovers(owner)

        assert stored(owner) == [1, 2]
    assert [p.suffix for p in (tmp_path / "otlp").iterdir()] == [".torn"]
