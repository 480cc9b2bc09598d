"""What the drawings are given."""

from __future__ import annotations

import json
import struct
from urllib.parse import unquote

import numpy as np
from streamlit.testing.v1 import AppTest

from latprobe.analysis.stage_detail import HistogramBin
from latprobe.analysis.timeline import TimelinePoint
from latprobe.analysis.trace import TraceSpan
from latprobe_dashboard.charts import budget, waterfall
from latprobe_dashboard.charts.histogram import histogram_data
from latprobe_dashboard.charts.latency import latency_data
from latprobe_dashboard.theme import HUES, IMAGE, OTHER, TEXT, hue_of

MS = 1_000_000


def _span(
    name: str, *, offset_ms: float, modality: str | None = None, **more: int | str
) -> TraceSpan:
    values: dict[str, object] = dict.fromkeys(TraceSpan.__dataclass_fields__)
    values |= {
        "name": name, "modality": modality, "offset_ns": int(offset_ms * MS), "depth": 1,
        "duration_ns": 2 * MS, "critical_ns": 0, "status": "ok", "attributes": {}, "events": (),
        "carried_ns": 0,
    }  # fmt: skip
    return TraceSpan(**(values | more))  # type: ignore[arg-type]  # only these are read


def test_a_waterfall_travels_as_one_packed_buffer() -> None:
    spans = [
        _span("root", offset_ms=0, depth=0),
        _span("ocr", offset_ms=1, modality="image", critical_ns=5),
        _span("ocr", offset_ms=2, modality="image", status="error"),
    ]
    packed = waterfall.pack(spans, duration_ns=9 * MS, selected=1)
    length, count = struct.unpack_from("<II", packed)
    header = json.loads(packed[8 : 8 + length])
    numbers = np.frombuffer(packed, "<f8", 2 * count, 8 + length)
    rest = 8 + length + 16 * count
    integers = np.frombuffer(packed, "<u4", 2 * count, rest)
    small = np.frombuffer(packed, "u1", 2 * count, rest + 8 * count)
    assert (header["names"], header["total"], header["selected"]) == (["root", "ocr"], 9.0, 1)
    assert numbers.tolist() == [0, 1, 2, 2, 2, 2]
    assert integers.tolist() == [0, 1, 1, 0, 1, 1]
    other, image = HUES.index(OTHER), HUES.index(IMAGE)
    assert small.tolist() == [other, image, image, 0, waterfall.CRITICAL, waterfall.FAILED]
    assert len(packed) == rest + 10 * count


def test_a_modality_has_one_lane_whatever_it_is_called() -> None:
    words = ("text", "LLM", " Vision ", "image", None, "something new")
    assert [hue_of(word) for word in words] == [TEXT, TEXT, IMAGE, IMAGE, OTHER, OTHER]


def test_the_budget_sums_by_lane_and_leaves_out_what_took_nothing() -> None:
    parts = budget.by_modality([("image", 0.2), ("vision", 0.1), ("text", 0.6), ("audio", 0.0)])
    assert [(hue.key, round(part, 3)) for hue, part in parts] == [("text", 0.6), ("image", 0.3)]


def test_the_latency_chart_has_holes_where_nothing_ran() -> None:
    points = [TimelinePoint(0, 4, 1, 1.0, 3_000.0), TimelinePoint(60 * 10**9, 0, 0, None, None)]
    assert latency_data(points, height=300) == {
        "height": 300,
        "first_ms": 0.0,
        "step_ms": 60_000.0,
        "p50": [1.0, None],
        "p95": [3_000.0, None],
        "counts": [4, 0],
        "errors": [1, 0],
        "words": "Latency over time: p95 is highest at 1970-01-01 00:00:00 UTC with 3.00 s; "
        "1 failed.",
    }


def test_the_histogram_marks_the_percentiles_where_they_lie() -> None:
    bins = [HistogramBin(1, 2, 5), HistogramBin(2, 4, 9), HistogramBin(4, 8, 1)]
    assert histogram_data(bins, p50_ms=3.0, p95_ms=8.0, height=320) == {
        "height": 320,
        "counts": [5, 9, 1],
        "edges": ["1.00 ms", "2.00 ms", "4.00 ms"],
        "ranges": ["1.00 ms to 2.00 ms", "2.00 ms to 4.00 ms", "4.00 ms to 8.00 ms"],
        "marks": [{"name": "p50", "at": 1.5}, {"name": "p95", "at": 3.0}],
        "words": "Distribution of durations: 15 spans from 1.00 ms to 8.00 ms, p50 3.00 ms, "
        "p95 8.00 ms.",
    }


def test_charts_of_nothing_are_empty_and_not_an_error() -> None:
    assert latency_data([])["p95"] == []
    empty = histogram_data([], p50_ms=0, p95_ms=0)
    assert (empty["counts"], empty["marks"]) == ([], [])
    assert budget.by_modality([]) == []


def _sparkline(trend: list[float | None]) -> str:
    app = AppTest.from_function(_card, kwargs={"trend": trend}).run()
    return unquote("".join(each.proto.body for each in app.get("html")))


def _card(trend: list[float | None]) -> None:
    from latprobe_dashboard.charts import cards

    cards.mount([cards.Card("p95", "1.00 s", trend=trend), cards.Card("Cost", "$1.00")])


def test_a_sparkline_has_gaps_where_nothing_ran_and_dots_where_a_step_stands_alone() -> None:
    drawn = _sparkline([1.0, 2.0, None, None, None, 4.0, None, 1.0, 2.0])
    assert drawn.count("<polyline") == 3
    assert drawn.count("stroke-width='4'") == 1
    assert "stroke-linecap='round'" in drawn


def test_cards_without_a_sparkline_leave_no_room_for_one() -> None:
    assert "lp-spark" not in _sparkline([None, 3.0])
    assert _sparkline([1.0, 3.0]).count('class="lp-spark"') == 2
