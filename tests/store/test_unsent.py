"""Spans that leave by retention before a backend has them are counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from latprobe.clock import wall_ns
from latprobe.store.owner import StoreOwner
from tests.journal.building import SegmentBuilder

DAY_NS = 86_400 * 1_000_000_000


def place(ingest_seq: int, *, span_id: int = 0, answered_days_ago: float | None = 0) -> str:
    answered = None if answered_days_ago is None else wall_ns() - int(answered_days_ago * DAY_NS)
    return json.dumps(
        {
            "ingest_seq": ingest_seq,
            "trace_id": f"{1:032x}",
            "span_id": span_id,
            "answered_ns": answered,
        }
    )


@pytest.mark.parametrize(
    ("kept", "unsent"),
    [
        (place(1), 5),
        (place(1, span_id=3), 2),
        (place(2), None),
        (place(1, answered_days_ago=31), None),
        (place(1, answered_days_ago=None), None),
    ],
)
def test_what_a_backend_in_use_will_never_get_is_counted(
    tmp_path: Path, kept: str, unsent: int | None
) -> None:
    with StoreOwner(tmp_path) as owner:
        build = SegmentBuilder(tmp_path / "journal" / "a.lpj")
        build.lean_spans([1] * 5)
        build.close()
        owner.ingest_pending()
        owner.remember("forward:http://box/v1/traces", kept)
        owner.prune(days=-36_500)
        owner.prune(days=-36_500)
        found = owner.query("SELECT value FROM meta WHERE key = 'unsent:http://box/v1/traces'")

    assert found["value"].to_pylist() == ([] if unsent is None else [str(unsent)])
