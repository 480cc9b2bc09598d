"""The files that charts are saved as: what Plotly is told, and that names stay names."""

from __future__ import annotations

import json
import re
from datetime import UTC, timedelta, timezone
from typing import Any

import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from latprobe.analysis.compare import Row
from latprobe.analysis.compare.evidence import Change
from latprobe.analysis.flame import flame
from latprobe.analysis.intervals import Interval
from latprobe.analysis.overview import Overview
from latprobe.analysis.report import StageRow
from latprobe.analysis.stage_detail import HistogramBin
from latprobe.analysis.timeline import TimelinePoint
from latprobe.analysis.trace import TraceSpan
from latprobe.analysis.whatif import Percentile
from latprobe_dashboard.charts import duration_picker, gpu_timeline, saving
from latprobe_dashboard.charts.gpu_work import Gap, Work
from latprobe_dashboard.charts.interactive import (
    changes,
    compared,
    document,
    gpu,
    heat,
    over_time,
    request,
    shares,
)
from latprobe_dashboard.charts.interactive.parts import BAD, INK, Chart
from latprobe_dashboard.charts.token_bars import Bar, Segment
from latprobe_dashboard.gpu_moment import Moment, Span
from latprobe_dashboard.gpu_queries import Readings
from latprobe_dashboard.heat_queries import Heat
from latprobe_dashboard.theme import IMAGE, PARTS, TEXT
from latprobe_dashboard.token_figures import TimePoint

MS, MINUTE_NS = 1_000_000, 60 * 10**9
START_NS = 1_767_225_600 * 10**9  # 2026-01-01 00:00 UTC
HOSTILE = "</script><script>alert(1)</script><b>a</b><extra> &lt;i&gt; %{x} light-dark(#000, #fff)"
SHOWN = (
    "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;b&gt;a&lt;/b&gt;&lt;extra&gt; "
    "&amp;lt;i&amp;gt; "
)


def _blank(kind: type, **values: object) -> Any:
    return kind(**(dict.fromkeys(kind.__dataclass_fields__) | values))  # type: ignore[attr-defined]


def _span(name: str, at: int, **more: object) -> TraceSpan:
    values: dict[str, object] = {
        "span_id": f"{at:016x}", "parent_id": None if not at else f"{0:016x}",
        "name": name, "modality": "image", "depth": min(at, 1), "status": "ok",
        "offset_ns": at * MS, "duration_ns": 2 * MS, "self_ns": MS, "critical_ns": 0,
        "carried_ns": 0, "attributes": {}, "events": (),
    }  # fmt: skip
    span: TraceSpan = _blank(TraceSpan, **(values | more))
    return span


def _points() -> list[TimelinePoint]:
    return [
        TimelinePoint(START_NS, 10, 1, 1_200.0, 2_400.0),
        TimelinePoint(START_NS + MINUTE_NS, 0, 0, None, None),
        TimelinePoint(START_NS + 2 * MINUTE_NS, 20, 0, 600.0, 900.0),
    ]


def _row(name: str | None, verdict: str, change: Change | None) -> Row:
    return Row(name, "p95_ms", 100.0, 120.0, change, None, verdict, 0.01, 40, 50)  # type: ignore[arg-type]


def _stages() -> Overview:
    row = {"p50_ms": 1.0, "p95_ms": 2.0, "p99_ms": 3.0, "count": 9, "errors": 1}
    shared = {"critical_share": 0.6, "critical_share_p95": 0.7}
    first = _blank(StageRow, name=HOSTILE, modality="image", **row, **shared)
    second = _blank(StageRow, name="answer", modality="llm", **row, **shared)
    requests = type("Requests", (), {"count": 5_000})()
    seen: Overview = _blank(
        Overview, stages=(first, second), sampled_traces=2_000, requests=requests
    )
    return seen


def _moment() -> dict[str, Any]:
    readings = _blank(
        Readings, metric="gpu.sm_active_pct", device="0", value=[50.0, 70.0, 10.0],
        time_ns=[START_NS + at * MS for at in (10, 20, 90)], span_ns=[10 * MS] * 3,
    )  # fmt: skip
    spans = (Span("t", "s", HOSTILE, "llm", START_NS, 50 * MS, 0, 0, True),)
    moment = _blank(
        Moment, first_ns=START_NS, last_ns=START_NS + 100 * MS, lanes=((HOSTILE, 1),), spans=spans
    )
    return gpu_timeline.moment_data(
        moment, [readings], None, work_label="Work",
        work=[Work(HOSTILE, "llm", START_NS, START_NS + 50 * MS, 0.5, "SM active 50 %")],
        gaps=[Gap(START_NS + 50 * MS, START_NS + 100 * MS, f"{HOSTILE} ran on the CPU")],
    )  # fmt: skip


def _counters() -> dict[str, Any]:
    """Of two cards, one with a hostile name, and their host: under a waterfall."""
    power = "gpu.power_mw"
    readings = [
        _blank(Readings, metric=metric, device=device, value=[5.0], time_ns=[START_NS + 9 * MS],
               span_ns=[9 * MS])
        for metric, device in ((power, HOSTILE), (power, "1"), ("host.cpu_pct", None))
    ]  # fmt: skip
    return gpu_timeline.counters_data(START_NS, START_NS + 10 * MS, readings, follows="waterfall")


def _all() -> dict[str, Chart]:
    """A chart of each kind, hostile names in all that have names."""
    spans = [_span(HOSTILE, 0), _span(HOSTILE, 1, status="error", status_message=HOSTILE)]
    interval = Interval(0.1, 0.3)
    times = [
        TimePoint(START_NS, 3, 100, 20, 0.5, 0.25),
        TimePoint(START_NS + MINUTE_NS, 0, *[None] * 4),
    ]
    before_after = [("p50", Percentile(100.0, 80.0, Interval(70.0, 95.0))), ("p99", Percentile())]
    picked = duration_picker.picker_data(_durations(), chosen=(None, None))
    bars = [Bar(HOSTILE, 12), Bar(HOSTILE, 12, (Segment(PARTS[0], 12, is_estimated=True),))]
    return {
        "latency": over_time.latency(_points(), zone=UTC),
        "cost": over_time.cost(times, zone=UTC),
        "heatmap": heat.heatmap(Heat(START_NS, MINUTE_NS, 80, ((1, 0), (0, 5))), zone=UTC),
        "histogram": shares.histogram([HistogramBin(1, 2, 7)], p50_ms=1.5, p95_ms=1.9),
        "durations": shares.durations(picked),
        "stages": shares.stages(_stages()),
        "tokens": shares.tokens(bars),
        "waterfall": request.waterfall(spans, duration_ns=9 * MS),
        "flame": request.flame(flame(spans), duration_ns=9 * MS),
        "what-if": changes.before_after(before_after),
        "compared": compared.compared(
            [_row(HOSTILE, "worse", Change(0.2, interval)), _row(None, "same", None)], title=HOSTILE
        ),
        "gpu": gpu.timeline(_moment()),
        "counters": gpu.timeline(_counters()),
    }


def _durations() -> Any:
    import numpy as np

    return np.linspace(10.0, 500.0, 100)


CHARTS = _all()


def _lit(value: Any) -> Any:
    """With the light colour of each pair, as Plotly's own check wants colours."""
    if isinstance(value, dict):
        return {key: _lit(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_lit(each) for each in value]
    pair = re.fullmatch(r"light-dark\((#\w+), (#\w+)\)", value) if isinstance(value, str) else None
    return pair[1] if pair else value


@pytest.mark.parametrize("kind", CHARTS)
def test_plotly_knows_all_that_it_is_told(kind: str) -> None:
    told = _lit(document.described(CHARTS[kind], choice="window 1h"))
    figure = go.Figure(told)  # raises at an unknown key or value
    assert len(figure.data) == len(CHARTS[kind].traces) > 0
    assert "window 1h" in figure.layout.title.subtitle.text


@pytest.mark.parametrize("kind", CHARTS)
def test_a_name_is_text_and_never_markup(kind: str) -> None:
    told = document.described(CHARTS[kind], choice=HOSTILE)
    words = [word for word in _words(told) if "alert" in word]
    assert words
    # Line breaks and headings are ours; everything else that begins a tag is an entity.
    assert not [word for word in words if re.search(r"<(?!br>|/?b>)|<b>a|&lt;i&gt;", word)]


def _words(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [word for each in value.values() for word in _words(each)]
    if isinstance(value, (list, tuple)):
        return [word for each in value for word in _words(each)]
    return [value] if isinstance(value, str) else []


def test_a_file_holds_all_it_needs_and_may_load_nothing() -> None:
    page = document.page(CHARTS["waterfall"], choice=HOSTILE)
    figure = re.search(r'<script type="application/json" id="figure">(.*?)</script>', page)
    assert figure is not None
    assert SHOWN in json.loads(figure[1])["layout"]["title"]["subtitle"]["text"]
    assert "default-src 'none'" in page
    assert "<script>alert" not in page
    assert not re.search(r"""(src|href)=["'](http|//)""", page.split("<script>")[0])
    assert len(page) > 1_000_000  # Plotly's own script


def test_latency_is_in_the_unit_that_suits_it_and_broken_where_nothing_ran() -> None:
    p50, p95, failed = CHARTS["latency"].traces
    assert (p50["y"], p95["y"]) == ([1.2, None, 0.6], [2.4, None, 0.9])
    assert failed["y"] == [10.0, None, 0.0]
    assert p95["x"][1] == "2026-01-01T00:01:00.000000"
    assert CHARTS["latency"].layout["yaxis"]["title"] == {"text": "Duration (s)"}
    assert CHARTS["latency"].basis == "n = 30, 1 failed"


def test_times_are_on_the_viewers_clock() -> None:
    east = timezone(timedelta(hours=5, minutes=30), "IST")
    drawn = over_time.latency(_points(), zone=east)
    assert drawn.traces[0]["x"][0] == "2026-01-01T05:30:00.000000"
    assert drawn.layout["xaxis"]["title"] == {"text": "Time (IST)"}


def test_a_prediction_has_its_interval_and_what_was_not_predicted_is_left_out() -> None:
    before, after = CHARTS["what-if"].traces
    assert (before["x"], before["y"], after["y"]) == (["p50"], [100.0], [80.0])
    assert (after["error_y"]["array"], after["error_y"]["arrayminus"]) == ([15.0], [10.0])


def test_a_change_has_its_interval_and_its_verdicts_colour() -> None:
    (worse,) = CHARTS["compared"].traces
    assert (worse["name"], worse["x"], worse["marker"]["color"]) == ("worse", [20.0], BAD)
    assert worse["error_x"]["array"] == pytest.approx([10.0])
    assert worse["error_x"]["arrayminus"] == pytest.approx([10.0])
    assert "1 figure could not be compared" in CHARTS["compared"].basis


def test_stages_have_their_modalitys_colour_and_say_what_was_sampled() -> None:
    image, text = CHARTS["stages"].traces
    assert (image["marker"]["color"], text["marker"]["color"]) == (IMAGE.css, TEXT.css)
    assert (image["y"], text["y"], text["x"]) == ([0], [1], [60.0])
    assert CHARTS["stages"].basis == "n = 2,000 requests, a sample of 5,000"


def test_an_empty_cell_of_the_heatmap_stays_empty() -> None:
    (cells,) = CHARTS["heatmap"].traces
    assert cells["z"] == [[1, None], [None, 5]]
    assert (len(cells["x"]), len(cells["y"])) == (3, 3)


def test_two_spans_of_one_name_are_two_rows_and_the_critical_path_is_outlined() -> None:
    spans = [_span("ocr", 0, critical_ns=5), _span("ocr", 1, status="error"), _span("ocr", 2)]
    bars, *legend = request.waterfall(spans, duration_ns=9 * MS).traces
    assert (bars["base"], bars["x"]) == ([0.0, 1.0, 2.0], [2.0, 2.0, 2.0])
    assert len(set(bars["y"])) == 3
    assert bars["marker"]["line"]["color"] == [INK, BAD, IMAGE.css]
    assert [each["name"] for each in legend] == ["On the critical path", "Failed"]


def test_of_very_many_spans_the_longest_are_kept_and_it_is_said() -> None:
    long = request.MOST_SPANS + 7
    spans = [_span("s", at, duration_ns=MS * (at + 1)) for at in range(long)]
    drawn = request.waterfall(spans, duration_ns=MS)
    assert sum(len(trace["x"]) for trace in drawn.traces) == request.MOST_SPANS
    assert drawn.traces[0]["base"][0] == 7.0
    assert f"the {request.MOST_SPANS:,} longest are shown" in drawn.basis


def test_a_counter_is_broken_where_nobody_read_it() -> None:
    counter = CHARTS["gpu"].traces[-1]
    assert counter["x"] == [0, 10, 10, 20, None, 80, 90]
    assert counter["y"] == [50, 50, 70, 70, None, 10, 10]
    assert "SM active (%)" in CHARTS["gpu"].layout["yaxis3"]["title"]["text"]


def test_counters_alone_have_a_panel_each_and_no_lane_of_stages() -> None:
    chart = CHARTS["counters"]
    assert [trace["yaxis"] for trace in chart.traces] == ["y", "y2", "y3"]
    assert "Host CPU (%)" in chart.layout["yaxis3"]["title"]["text"]
    assert chart.layout["xaxis"]["title"]["text"] == "Time from the request's start (ms)"
    assert chart.basis == "3 counters over 10.0 ms"


def _page() -> None:
    from latprobe_dashboard.charts import latency

    latency.mount([], key="lp_x")


def test_without_plotly_the_control_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving, "has_plotly", lambda: False)
    app = AppTest.from_function(_page).run()
    app.button(key="lp_html_lp_x").click().run()
    assert [each.value for each in app.toast] == [saving.MISSING]
