"""The copies of some spans are what `spans` would give, at any time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from latprobe.journal.segment import Flag
from latprobe.store.owner import StoreOwner
from latprobe.store.retention import DAY_NS, prune
from latprobe.store.span_copies import COPY_NAMES, DRAWN_OF
from tests.journal.building import WALL_NS, SegmentBuilder

TRACES = 3 * DRAWN_OF
IS_DRAWN = f"(hash(trace_id) >> 40) % {DRAWN_OF} = 0"


def rows(owner: StoreOwner, source: str, where: str = "TRUE") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = owner.query(
        f"SELECT trace_id, span_id, parent_span_id, name, start_ns FROM {source} WHERE {where} "
        "ORDER BY span_id"
    ).to_pylist()
    return found


def write(build: SegmentBuilder, first: int, count: int, *, age_ns: int = 0) -> None:
    """A trace each: every second one fails."""
    for number in range(first, first + count):
        build.span(
            f"stage{number % 3}",
            trace=number + 1,
            span=number + 1,
            flags=0 if number % 2 else Flag.STATUS_ERROR,
            details=(None, (), None, {"start_wall_ns": WALL_NS - age_ns}),
        )


def agree(owner: StoreOwner, failures: str, drawn: str) -> bool:
    """Whether both hold what a look at all spans finds, and that is something."""
    failed, some = rows(owner, "spans", "status = 'error'"), rows(owner, "spans", IS_DRAWN)
    assert failed
    assert some
    return (rows(owner, failures), rows(owner, drawn)) == (failed, some)


def test_the_views_equal_the_spans_before_between_and_after_copying(tmp_path: Path) -> None:
    build = SegmentBuilder(tmp_path / "journal" / "a.lpj", capacity=2 * TRACES).hold_lock()
    with StoreOwner(tmp_path) as owner:
        for first in (0, TRACES):
            write(build, first, TRACES)
            owner.ingest_pending()
            assert agree(owner, "failed_spans", "drawn_spans")
            owner.roll_up()
            assert agree(owner, "failures", "drawn")
        owner.roll_up()
        assert agree(owner, "failures", "drawn")


def test_a_copy_leaves_the_store_with_its_span(tmp_path: Path) -> None:
    old = SegmentBuilder(tmp_path / "journal" / "a.lpj", capacity=TRACES)
    write(old, 0, TRACES, age_ns=3 * DAY_NS)
    old.close()
    young = SegmentBuilder(tmp_path / "journal" / "b.lpj", capacity=TRACES)
    write(young, TRACES, TRACES)
    young.close()
    with StoreOwner(tmp_path) as owner:
        owner.ingest_pending()
        pruned = prune(owner._database, days=1, now_ns=WALL_NS)
        assert pruned.spans == TRACES
        assert agree(owner, *COPY_NAMES)
