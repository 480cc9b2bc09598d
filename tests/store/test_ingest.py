"""Journal to tables: values, exactly once, and files that cannot be read."""

from __future__ import annotations

import struct
import uuid
from pathlib import Path
from typing import Any

import duckdb
import pytest

from latprobe.errors import StoreError
from latprobe.journal.segment import Flag
from latprobe.store import ingest
from latprobe.store.owner import StoreOwner
from tests.journal.building import WALL_NS, SegmentBuilder

ROW = "SELECT * EXCLUDE (attributes, links) FROM spans ORDER BY span_id"


def rows(owner: StoreOwner, sql: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = owner.query(sql).to_pylist()
    return found


def ids(owner: StoreOwner) -> list[int]:
    return [row["span_id"] for row in rows(owner, "SELECT span_id FROM spans ORDER BY span_id")]


def journal(home: Path, name: str = "a.lpj") -> Path:
    return home / "journal" / name


def test_a_lean_span_becomes_a_row(tmp_path: Path) -> None:
    build = SegmentBuilder(journal(tmp_path))
    build.span(
        "load", trace=0xABC, span=1 << 63, parent=5, start=5_000_000_100, duration=42, cpu_us=3,
        flags=Flag.STATUS_ERROR | Flag.REMOTE_PARENT | 2, modality="image",
    )  # fmt: skip
    build.close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        found = rows(owner, ROW)

    assert found == [
        {
            "trace_id": str(uuid.UUID(int=0xABC)),
            "span_id": 1 << 63,
            "parent_span_id": 5,
            "run_id": 1,
            "ingest_seq": 1,
            "name": "load",
            "kind": "client",
            "status": "error",
            "start_ns": WALL_NS + 100,
            "duration_ns": 42,
            "cpu_ns": 3000,
            "pid": 4242,
            "thread": "MainThread",
            "modality": "image",
            "scope": None,
            "remote_parent": True,
            "status_message": None,
            "error_type": None,
            "operation": None,
            "provider": None,
            "model": None,
            "input_tokens": None,
            "output_tokens": None,
            "cost_usd": None,
            "ttft_ns": None,
            "chunks": None,
            "gap_p50_ns": None,
            "gap_p95_ns": None,
            "queue_ns": None,
            "prefill_ns": None,
            "decode_ns": None,
        }
    ]


def test_a_root_has_no_parent_and_unmeasured_cpu_is_null(tmp_path: Path) -> None:
    build = SegmentBuilder(journal(tmp_path))
    build.span()
    build.close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        found = rows(owner, "SELECT parent_span_id, cpu_ns, remote_parent, status FROM spans")

    assert found == [
        {"parent_span_id": None, "cpu_ns": None, "remote_parent": None, "status": "unset"}
    ]


def test_a_stream_an_error_an_event_and_a_link_are_kept(tmp_path: Path) -> None:
    gaps = b"".join(struct.pack("<f", gap)[2:] for gap in (1e6, 2e6, 3e6))
    build = SegmentBuilder(journal(tmp_path))
    build.span(
        span=9,
        details=(
            {"model": "m1", "input_tokens": 10, "output_tokens": 4, "page": 3},
            [("exception", 500, {"exception.type": "OSError"})],
            [(1, 2, 3, None)],
            {
                "status_message": "no",
                "duration_ns": 77,
                "start_wall_ns": 1000,
                "chunks": 4,
                "first_chunk_ns": 11,
                "gaps": gaps,
            },
        ),
    )
    build.close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        span = rows(
            owner,
            "SELECT start_ns, duration_ns, status_message, error_type, model, input_tokens, "
            "output_tokens, ttft_ns, chunks, gap_p50_ns, attributes, links FROM spans",
        )
        events = rows(owner, "SELECT * FROM events")

    link = (
        '[{"trace_id":"00000000000000010000000000000002","span_id":"0000000000000003",'
        '"attributes":{}}]'
    )
    assert span == [
        {
            "start_ns": 1000,
            "duration_ns": 77,
            "status_message": "no",
            "error_type": "OSError",
            "model": "m1",
            "input_tokens": 10,
            "output_tokens": 4,
            "ttft_ns": 11,
            "chunks": 4,
            "gap_p50_ns": 2_004_053,
            "attributes": '{"page":3}',
            "links": link,
        }
    ]
    assert events == [
        {
            "trace_id": str(uuid.UUID(int=1)),
            "span_id": 9,
            "time_ns": 1500,
            "name": "exception",
            "attributes": '{"exception.type":"OSError"}',
        }
    ]


def test_usage_separates_cached_tokens_and_names_what_does_not_add_up(tmp_path: Path) -> None:
    build = SegmentBuilder(journal(tmp_path))
    call = {"gen_ai.request.model": "m", "gen_ai.provider.name": "openai"}
    cached = "gen_ai.usage.cache_read.input_tokens"
    build.span("ask", span=1, details={**call, "gen_ai.usage.input_tokens": 100, cached: 60})
    build.span("ask", span=2, details={**call, "gen_ai.usage.input_tokens": 10, cached: 60})
    build.span("ask", span=3, details={"model": "m", "output_tokens": 5})
    build.span("ask", span=4, details={"model": "m"})
    build.close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        found = rows(
            owner,
            "SELECT span_id, provider, input_tokens, uncached_input_tokens AS uncached, "
            "cache_read_tokens AS cached, output_tokens, origin, problem FROM usage ORDER BY 1",
        )

    assert [tuple(row.values()) for row in found] == [
        (1, "openai", 100, 40, 60, None, "provider", None),
        (2, "openai", 10, None, 60, None, "provider", "cached tokens exceed input tokens"),
        (3, None, None, None, None, 5, "stage", None),
    ]


def test_a_run_is_one_row_however_many_segments_name_it(tmp_path: Path) -> None:
    run = {
        "service": "shop", "version": "1.2", "argv": ["python", "app.py"], "python": "3.11.9",
        "host": "box", "span_cost_ns": 900.0, "resource": {"k": "v"},
    }  # fmt: skip
    for name in ("a.lpj", "b.lpj"):
        build = SegmentBuilder(journal(tmp_path, name), run=run)
        build.span(span=1 if name == "a.lpj" else 2)
        build.close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        found = rows(
            owner, "SELECT service, version, argv, python, host, span_cost_ns, resource FROM runs"
        )

    assert found == [
        {
            "service": "shop",
            "version": "1.2",
            "argv": "python app.py",
            "python": "3.11.9",
            "host": "box",
            "span_cost_ns": 900.0,
            "resource": '{"k":"v"}',
        }
    ]


def test_dropped_spans_of_a_process_are_counted_once(tmp_path: Path) -> None:
    for name, pid, dropped in (("a.lpj", 1, 5), ("b.lpj", 1, 7), ("c.lpj", 2, 1)):
        build = SegmentBuilder(journal(tmp_path, name), pid=pid, dropped=dropped)
        build.span(span=dropped)
        build.close()
        with StoreOwner(tmp_path) as owner:
            owner.ingest_pending()
            total = rows(owner, "SELECT dropped FROM runs")

    assert total == [{"dropped": 8}]


def test_an_ingested_segment_is_deleted_and_forgotten(tmp_path: Path) -> None:
    for name in ("a.lpj", "b.lpj"):
        build = SegmentBuilder(journal(tmp_path, name))
        build.span(span=1 if name == "a.lpj" else 2)
        build.close()
        with StoreOwner(tmp_path) as owner:
            owner.ingest_pending()
    with StoreOwner(tmp_path) as owner:
        SegmentBuilder(journal(tmp_path, "c.lpj")).close()
        owner.ingest_pending()
        left = [row["name"] for row in rows(owner, "SELECT name FROM segments")]

    assert (list((tmp_path / "journal").iterdir()), left) == ([], ["c.lpj"])


def test_a_growing_segment_is_taken_in_once_over_several_owners(tmp_path: Path) -> None:
    build = SegmentBuilder(journal(tmp_path)).hold_lock()
    build.span(span=1)
    build.span(span=2, is_committed=False)
    build.span(span=3)
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        first = ids(owner)
    build.span(span=2, slot=1)
    build.span(span=4)
    with StoreOwner(tmp_path) as owner:
        counts = [owner.ingest_pending(), owner.ingest_pending()]
        second = ids(owner)

    assert (first, counts, second) == ([1, 3], [2, 0], [1, 2, 3, 4])


def test_a_failed_transaction_stores_nothing_and_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = SegmentBuilder(journal(tmp_path), dropped=3)
    build.lean_spans([1, 1, 1])
    build.close()
    insert = ingest.insert_rows

    def fail(con: Any, parts: Any) -> None:
        insert(con, parts)
        raise duckdb.IOException("no space left on device")

    with StoreOwner(tmp_path) as owner:
        monkeypatch.setattr(ingest, "insert_rows", fail)
        with pytest.raises(StoreError, match="check the disk's free space"):
            owner.ingest_pending()
        monkeypatch.setattr(ingest, "insert_rows", insert)
        before = ids(owner)
        owner.ingest_pending()
        after = (ids(owner), rows(owner, "SELECT run_id, dropped FROM runs"))

    assert (before, after) == ([], ([1, 2, 3], [{"run_id": 1, "dropped": 3}]))


def test_many_segments_fill_several_transactions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "BATCH_ROWS", 50)
    monkeypatch.setattr("latprobe.store.owner.BATCH_ROWS", 50)
    for number in range(4):
        build = SegmentBuilder(journal(tmp_path, f"{number}.lpj"))
        build.lean_spans([7] * 40, first_span=1 + number * 40)
        build.close()
    with StoreOwner(tmp_path) as owner:
        count = owner.ingest_pending()
        found = ids(owner)

    assert (count, found) == (160, list(range(1, 161)))


def test_unreadable_files_are_set_aside_and_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = SegmentBuilder(journal(tmp_path, "good.lpj"))
    good.span(span=1)
    good.close()
    cut = SegmentBuilder(journal(tmp_path, "cut.lpj")).close()
    cut.write_bytes(cut.read_bytes()[:500])
    journal(tmp_path, "garbage.lpj").write_bytes(b"\x00garbage" * 100)
    journal(tmp_path, "notes.txt").write_text("mine")
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        found = (ids(owner), owner.status().quarantined)

    assert found == ([1], 3)
    assert sorted(path.name for path in (tmp_path / "quarantine").iterdir()) == [
        "cut.lpj",
        "garbage.lpj",
        "notes.txt",
    ]
    assert caplog.text.count("The file is now") == 3


def test_a_damaged_segment_gives_its_spans_and_is_kept_aside(tmp_path: Path) -> None:
    build = SegmentBuilder(journal(tmp_path))
    build.span(span=1, flags=Flag.HAS_FRAME)
    build.span(span=2)
    build.close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        found = ids(owner)

    assert (found, (tmp_path / "quarantine" / "a.lpj").exists()) == ([1, 2], True)


def test_a_newer_segment_stays_where_it_is_and_is_reported_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = SegmentBuilder(journal(tmp_path), version=9).close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        owner.ingest_pending()
        notes = owner.status().notes

    assert path.exists()
    assert [note.split(", ")[0].split(" has ")[1] for note in notes] == ["journal format 9"]
    assert caplog.text.count("journal format 9") == 1
