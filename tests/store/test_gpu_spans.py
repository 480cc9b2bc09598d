"""Late facts of spans in the journal become rows of `gpu_spans`, once."""

from __future__ import annotations

import marshal
import uuid
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from latprobe.journal.segment import FrameType
from latprobe.journal.writer import Writer
from latprobe.store.owner import StoreOwner
from latprobe.store.parquet import export_store
from tests.journal.building import MONOTONIC_NS, RUN, WALL_NS, SegmentBuilder

TRACE = 0xABC << 64 | 7
FACTS = {
    "gpu_start_ns": MONOTONIC_NS + 100,
    "gpu_ns": 40,
    "gpu_lag_ns": 5,
    "device": "GPU-1",
    "sync_wait_ns": 3,
    "sync_waits": 1,
    "h2d_bytes": 9,
    "alloc_delta_bytes": -4,
    "is_cold": True,
}


def journal(home: Path, name: str = "a.lpj") -> Path:
    return home / "journal" / name


def late(build: SegmentBuilder, *entries: Any) -> None:
    build.frame(FrameType.LATE, 0, marshal.dumps(list(entries), 2))


def stored(owner: StoreOwner) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = owner.query(
        "SELECT * FROM gpu_spans ORDER BY span_id"
    ).to_pylist()
    return found


def span_ids(owner: StoreOwner) -> list[int]:
    return [row["span_id"] for row in stored(owner)]


def test_facts_become_a_row_with_wall_times_and_zeros_for_what_was_left_out(
    tmp_path: Path,
) -> None:
    build = SegmentBuilder(journal(tmp_path))
    build.span("encode", trace=TRACE, span=2)
    late(build, (0xABC, 7, 2, FACTS))
    build.close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        assert stored(owner) == [
            {
                "trace_id": str(uuid.UUID(int=TRACE)),
                "span_id": 2,
                "run_id": 1,
                "device": "GPU-1",
                "gpu_start_ns": WALL_NS + 100,
                "gpu_ns": 40,
                "gpu_lag_ns": 5,
                "sync_wait_ns": 3,
                "sync_waits": 1,
                "h2d_bytes": 9,
                "d2h_bytes": 0,
                "copies": 0,
                "alloc_delta_bytes": -4,
                "alloc_peak_bytes": None,
                "is_cold": True,
            }
        ]


def test_facts_without_spans_are_taken_in_when_they_come(tmp_path: Path) -> None:
    build = SegmentBuilder(journal(tmp_path)).hold_lock()
    build.span("encode", trace=TRACE, span=2)
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        version = owner.data_version()
        late(build, (0xABC, 7, 2, {"sync_waits": 1}))
        owner.ingest_pending()
        owner.ingest_pending()
        assert span_ids(owner) == [2]
        assert owner.data_version() == version + 1
    build.close()


def test_an_owner_that_starts_again_takes_each_fact_once(tmp_path: Path) -> None:
    build = SegmentBuilder(journal(tmp_path)).hold_lock()
    build.span("encode", trace=TRACE, span=1)
    late(build, (0xABC, 7, 1, {"gpu_ns": 1}))
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
    late(build, (0xABC, 7, 2, {"gpu_ns": 2}))
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        assert span_ids(owner) == [1, 2]
    build.close()


def test_a_span_has_one_row_and_its_first_facts_stay(tmp_path: Path) -> None:
    build = SegmentBuilder(journal(tmp_path))
    build.span()
    late(build, (0xABC, 7, 1, {"gpu_ns": 1}), (0xABC, 7, 1, {"gpu_ns": 2}))
    build.close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        assert [row["gpu_ns"] for row in stored(owner)] == [1]


@pytest.mark.parametrize(
    "payload",
    [
        b"no marshal",
        marshal.dumps({"a": 1}, 2),
        marshal.dumps([(1, 2, 3)], 2),
        marshal.dumps([(-1, 2, 3, {})], 2),
        marshal.dumps([(1, 2, 3, None)], 2),
        marshal.dumps([(1, 2, 3, {"gpu_ns": -1, "gpu_start_ns": "x", "copies": 1 << 40})], 2),
        marshal.dumps([(1, 2, 3, {"kernel_trace": "../../etc/passwd"})], 2),
        marshal.dumps([(1, 2, 3, {"device": b"x", "gpu_ns": 1 << 80})], 2),
    ],
)
def test_damaged_facts_cost_nothing_else(tmp_path: Path, payload: bytes) -> None:
    build = SegmentBuilder(journal(tmp_path))
    build.span()
    build.frame(FrameType.LATE, 0, payload)
    build.span("after", span=2)
    build.close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        assert owner.query("SELECT count(*) AS n FROM spans").to_pylist() == [{"n": 2}]
        assert all(
            row["gpu_ns"] is row["gpu_start_ns"] is row["device"] is None and row["copies"] == 0
            for row in stored(owner)
        )
        assert owner.query("SELECT key FROM meta WHERE key LIKE 'profile:%'").num_rows == 0
    assert not (tmp_path / "quarantine").exists()


def test_the_writer_puts_facts_into_its_segment_and_into_a_fresh_one(tmp_path: Path) -> None:
    writer = Writer(
        tmp_path / "journal", run_id=RUN.bytes, run={"service": "shop"}, segment_bytes=64 << 10
    )
    facts = [(0xABC, 7, number, {"device": "GPU-" + "x" * 400}) for number in range(1, 51)]
    for _ in range(20):
        assert writer.write_late(facts)
    assert not writer.is_busy
    writer.close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        assert sorted(set(span_ids(owner))) == list(range(1, 51))
        assert owner.status().pending_segments == 0


def test_facts_travel_with_an_export_and_leave_with_their_spans(tmp_path: Path) -> None:
    build = SegmentBuilder(journal(tmp_path / "one"))
    build.span("encode", trace=TRACE, span=2)
    late(build, (0xABC, 7, 2, FACTS))
    build.close()
    with StoreOwner(tmp_path / "one") as owner:
        owner.ingest_pending()
        before = stored(owner)
        export_store(owner.query, tmp_path / "out")
        owner.prune(days=-1000)
        assert stored(owner) == []
    assert pq.read_table(tmp_path / "out" / "gpu_spans.parquet").num_rows == 1
    with StoreOwner(tmp_path / "two") as owner:
        for _ in range(2):
            owner.import_folder(tmp_path / "out")
        assert stored(owner) == before
