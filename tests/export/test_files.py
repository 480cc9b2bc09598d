"""The files, whole: OTLP JSON, CSV and the Chrome trace of one small store."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from latprobe.export.csv_table import csv_lines
from latprobe.export.otlp_json import json_lines
from latprobe.export.perfetto import read_counters, trace_json
from latprobe.export.stored_spans import read_runs, read_spans
from latprobe.store.owner import StoreOwner
from tests.export.conftest import GOLDEN


def written(owner: StoreOwner, name: str, *, page_spans: int = 100, content: bool = False) -> str:
    runs = read_runs(owner.query)
    pages = read_spans(owner.query, page_spans=page_spans)
    if name == "spans.otlp.json":
        return "".join(json_lines(pages, runs, content=content))
    if name == "spans.csv":
        return "".join(csv_lines(pages, runs, content=content))
    counters = read_counters(owner.query, from_ns=0, to_ns=1 << 62)
    return "".join(trace_json(pages, runs, counters, content=content))


@pytest.mark.parametrize("name", ["spans.otlp.json", "spans.csv", "spans.perfetto.json"])
def test_a_file_is_as_the_golden_one(owner: StoreOwner, name: str) -> None:
    assert written(owner, name) == (GOLDEN / name).read_text("utf-8")


@pytest.mark.parametrize("name", ["spans.csv", "spans.perfetto.json"])
def test_pages_make_no_difference(owner: StoreOwner, name: str) -> None:
    assert written(owner, name, page_spans=1) == written(owner, name)


@pytest.mark.parametrize("name", ["spans.otlp.json", "spans.csv", "spans.perfetto.json"])
def test_content_is_there_only_when_asked_for(owner: StoreOwner, name: str) -> None:
    found = [
        [word in written(owner, name, content=content) for word in ("private", "gen_ai.input")]
        for content in (False, True)
    ]

    assert found == [[False, False], [True, True]]


def test_spans_of_a_track_lie_within_each_other_or_apart(owner: StoreOwner) -> None:
    trace: dict[str, Any] = json.loads(written(owner, "spans.perfetto.json"))
    tracks: dict[int, list[tuple[float, float]]] = {}
    for event in trace["traceEvents"]:
        if event["ph"] == "X":
            end = event["ts"] + event["dur"]
            tracks.setdefault(event["tid"], []).append((event["ts"], end))
    crossing = [
        (one, other)
        for spans in tracks.values()
        for one, other in pairwise(sorted(spans))
        if one[0] < other[0] < one[1] < other[1]
    ]

    assert ({tid: len(spans) for tid, spans in tracks.items()}, crossing) == ({1: 2, 2: 1}, [])
