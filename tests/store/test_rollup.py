"""Rollups are what the spans would give, at any time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from latprobe.store import rollup
from latprobe.store.owner import StoreOwner
from latprobe.store.schema import ROLLUP_SELECT
from tests.journal.building import MONOTONIC_NS, SegmentBuilder

MINUTE_NS = 60_000_000_000
MERGED = (
    "SELECT minute_ns, run_id, name, is_root, bin, sum(count)::BIGINT AS count, "
    "sum(errors)::BIGINT AS errors, sum(duration_ns)::BIGINT AS duration_ns, "
    "sum(input_tokens)::BIGINT AS input_tokens FROM ({}) GROUP BY ALL ORDER BY ALL"
)


def merged(owner: StoreOwner, source: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = owner.query(MERGED.format(source)).to_pylist()
    return found


def write(build: SegmentBuilder, start: int, count: int) -> None:
    for number in range(start, start + count):
        build.span(
            f"stage{number % 3}",
            span=number + 1,
            parent=number % 2,
            start=MONOTONIC_NS + number * MINUTE_NS // 7,
            duration=10 ** (3 + number % 5),
            details={"input_tokens": number} if number % 4 == 0 else None,
        )


def test_the_view_equals_the_spans_before_between_and_after_roll_ups(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "journal" / "a.lpj", capacity=200).hold_lock()
    with StoreOwner(tmp_path) as owner:
        for start in (0, 40, 80):
            write(build, start, 40)
            owner.ingest_pending()
            expected = merged(owner, f"{ROLLUP_SELECT} GROUP BY ALL")
            assert merged(owner, "FROM stage_minutes") == expected
            owner.roll_up()
            assert merged(owner, "FROM rollups") == expected


def test_rolling_up_twice_changes_nothing(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "journal" / "a.lpj").hold_lock()
    with StoreOwner(tmp_path) as owner:
        write(build, 0, 20)
        owner.ingest_pending()
        owner.roll_up()
        once = merged(owner, "FROM rollups")
        owner.roll_up()

        assert merged(owner, "FROM rollups") == once


def test_compaction_merges_rows_and_keeps_the_sums(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "journal" / "a.lpj", capacity=3000).hold_lock()
    with StoreOwner(tmp_path) as owner:
        for batch in range(70):
            for number in range(20):
                build.span(f"s{number}", span=batch * 20 + number + 1)
            owner.ingest_pending()
            owner.roll_up()
        before = merged(owner, "FROM rollups")
        is_compacted = rollup.compact(owner._database)
        rows = owner.query("SELECT count(*) AS n FROM rollups").to_pylist()

        assert (is_compacted, rows, merged(owner, "FROM rollups")) == (True, [{"n": 20}], before)
