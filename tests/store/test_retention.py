"""What leaves the store, by age and by size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from latprobe.store.owner import StoreOwner
from latprobe.store.parquet import export_store
from latprobe.store.retention import DAY_NS, Pruned, prune
from tests.journal.building import MONOTONIC_NS, RUN, WALL_NS, SegmentBuilder

NOTHING = Pruned(0, 0, 0, 0, 0, 0, bytes_before=0, bytes_after=0)


def rows_of(pruned: Pruned) -> Pruned:
    return replace(pruned, bytes_before=0, bytes_after=0)


def test_old_rows_of_every_table_leave_and_young_ones_stay(tmp_path: Path) -> None:
    old = SegmentBuilder(tmp_path / "journal" / "a.lpj", run_uuid=type(RUN)(int=1))
    event = [("seen", 0, None)]
    call = {"model": "m", "input_tokens": 5}
    old.span(span=1, details=(call, event, None, {"start_wall_ns": WALL_NS - 3 * DAY_NS}))
    old.close()
    young = SegmentBuilder(tmp_path / "journal" / "b.lpj")
    young.span(span=2, details=(call, event, None, None))
    young.close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        owner.insert_samples(
            [
                (WALL_NS - 3 * DAY_NS, "host", None, None, None, "host.load1", 1.0),
                (WALL_NS, "host", None, None, None, "host.load1", 2.0),
            ]
        )
        pruned = prune(owner._database, days=1, now_ns=WALL_NS + DAY_NS // 2)
        left = owner.query(
            "SELECT (SELECT list(span_id) FROM spans) AS spans, "
            "(SELECT list(span_id) FROM events) AS events, "
            "(SELECT list(span_id) FROM usage) AS usage, "
            "(SELECT list(value) FROM samples) AS samples, "
            "(SELECT count(*) FROM rollups) AS rollups"
        ).to_pylist()

    assert rows_of(pruned) == Pruned(1, 1, 1, 1, 1, 0, bytes_before=0, bytes_after=0)
    assert left == [{"spans": [2], "events": [2], "usage": [2], "samples": [2.0], "rollups": 1}]


def test_a_run_leaves_with_its_last_span(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "journal" / "a.lpj")
    build.span(span=1)
    build.close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
    SegmentBuilder(tmp_path / "journal" / "b.lpj", run_uuid=type(RUN)(int=1)).close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        pruned = prune(owner._database, days=1, now_ns=WALL_NS + 2 * DAY_NS)

    assert (pruned.spans, pruned.runs) == (1, 1)


def test_the_oldest_leave_until_the_size_fits(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "journal" / "a.lpj", capacity=4000, heap_bytes=32 << 20)
    for number in range(4000):
        text = f"{number:05d}" + "".join(chr(33 + (number * 7 + i * i) % 90) for i in range(900))
        build.span(span=number + 1, start=MONOTONIC_NS + number, details={"text": text})
    build.close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        full = prune(owner._database, days=30, now_ns=WALL_NS)
        limit = full.bytes_after // 2
        pruned = prune(owner._database, days=30, max_bytes=limit, now_ns=WALL_NS)
        kept = owner.query("SELECT min(span_id) AS a, max(span_id) AS b FROM spans").to_pylist()[0]

    assert full.spans == 0
    assert 0 < pruned.spans < 4000
    assert (kept["a"], kept["b"]) == (pruned.spans + 1, 4000)


def test_an_empty_store_has_nothing_to_remove(tmp_path: Path) -> None:
    with StoreOwner(tmp_path) as owner:
        assert rows_of(owner.prune()) == NOTHING


def test_what_was_imported_is_as_old_as_its_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported_ns = WALL_NS + 5 * DAY_NS
    monkeypatch.setattr("time.time_ns", lambda: imported_ns)
    build = SegmentBuilder(tmp_path / "from" / "journal" / "a.lpj")
    event = [("seen", 0, None)]
    build.span(span=1, details=({"model": "m", "input_tokens": 5}, event, None, None))
    build.close()
    with StoreOwner(tmp_path / "from") as owner:
        owner.ingest_pending()
        owner.insert_samples([(WALL_NS, "nvml", "gpu", None, None, "gpu.power_mw", 1.0)])
        export_store(owner.query, tmp_path / "out")
    with StoreOwner(tmp_path / "to") as owner:
        owner.import_folder(tmp_path / "out")
        owner.insert_samples([(WALL_NS - DAY_NS, "host", None, None, None, "host.load1", 1.0)])
        first = prune(owner._database, days=1, now_ns=imported_ns)
        kept = owner.query(
            "SELECT (SELECT count(*) FROM spans) AS spans, (SELECT count(*) FROM events) AS events,"
            " (SELECT count(*) FROM usage) AS usage, (SELECT count(*) FROM samples) AS samples,"
            " (SELECT count(*) FROM rollups) AS rollups, (SELECT count(*) FROM runs) AS runs"
        ).to_pylist()
        later = prune(owner._database, days=1, now_ns=imported_ns + DAY_NS + 1)
        marks = owner.query("SELECT count(*) AS n FROM meta WHERE key LIKE 'imported:%'")

    assert rows_of(first) == replace(NOTHING, samples=1)
    assert kept == [dict.fromkeys(("spans", "events", "usage", "samples", "rollups", "runs"), 1)]
    assert rows_of(later) == replace(
        NOTHING, spans=1, events=1, usage=1, samples=1, rollups=1, runs=1
    )
    assert marks["n"].to_pylist() == [0]
