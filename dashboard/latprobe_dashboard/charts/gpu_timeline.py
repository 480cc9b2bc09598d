"""Stages above, the GPU's counters below, one time axis: on a canvas, zoomed and panned alike.

With no requests to draw it is the counters alone, as the Trace page has them under its waterfall,
whose zoom they follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import streamlit as st

from latprobe_dashboard import quantities, shown_text
from latprobe_dashboard.charts.gpu_work import Gap, Work
from latprobe_dashboard.charts.interactive import gpu
from latprobe_dashboard.charts.saving import as_html
from latprobe_dashboard.charts.scripts import nothing, source
from latprobe_dashboard.gpu_moment import Moment
from latprobe_dashboard.gpu_queries import Readings
from latprobe_dashboard.theme import ERROR, HUES, lane_of

MAX_ROWS = 14


@dataclass(frozen=True, slots=True)
class Panel:
    """How a counter is drawn: its name, unit and, where it has one, its natural top."""

    label: str
    unit: str
    scale: float
    top: float | None
    hint: str
    is_bound: bool = False


PANELS = {
    "gpu.sm_active_pct": Panel(
        "SM active", "%", 1, 100, "Share of the multiprocessors that had work"
    ),
    "gpu.utilization_pct": Panel(
        "Utilisation",
        "%",
        1,
        100,
        "Share of the time in which some kernel ran, however small",
        is_bound=True,
    ),
    "gpu.tensor_active_pct": Panel("Tensor cores", "%", 1, 100, "Share of cycles they were busy"),
    "gpu.dram_active_pct": Panel("DRAM", "%", 1, 100, "Share of the memory bandwidth in use"),
    "gpu.power_mw": Panel("Power", "W", 1e-3, None, "Draw of the whole card"),
    "gpu.memory_used_bytes": Panel("Memory", "GiB", 1 / (1 << 30), None, "In use, all processes"),
    "host.cpu_pct": Panel("Host CPU", "%", 1, 100, "All cores of the host together", is_bound=True),
    "process.cpu_pct": Panel("Process CPU", "%", 1, None, "100 is one core", is_bound=True),
    "host.mem_used_bytes": Panel(
        "Host memory", "GiB", 1 / (1 << 30), None, "In use", is_bound=True
    ),
}


@dataclass(frozen=True, slots=True)
class Strip:
    """The whole window in small above it: a value a bucket, in percent."""

    label: str
    values: Sequence[float | None]
    first_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True)
class Picked:
    """What was just chosen: the span at this place, or another moment."""

    span: int | None = None
    moment_ns: int | None = None


def mount(data: dict[str, Any], *, key: str) -> Picked:
    """Draws it; returns what was just picked."""
    with as_html(data["file"], lambda _: gpu.timeline(data), key=key):
        result = _component()(data=data, key=key, on_pick_change=nothing, on_moment_change=nothing)
    span, moment = result.pick, result.moment
    spans = len(data["spans"]["start"])
    is_moment = isinstance(moment, (int, float))
    return Picked(
        span=int(span) if isinstance(span, (int, float)) and 0 <= span < spans else None,
        moment_ns=data["origin_ns"] + int(moment * 1e6) if is_moment else None,
    )


def moment_data(
    moment: Moment,
    readings: Sequence[Readings],
    strip: Strip | None,
    *,
    work: Sequence[Work],
    gaps: Sequence[Gap],
    work_label: str,
    file: str = "gpu-timeline",
) -> dict[str, Any]:
    """A moment as the browser draws it; times in ms from its start. `file` is what it is saved as,
    without what comes before and behind."""
    origin = moment.first_ns
    names = {name: at for at, name in enumerate(dict.fromkeys(s.name for s in moment.spans))}
    before = [sum(rows for _, rows in moment.lanes[:at]) for at in range(len(moment.lanes))]
    data = counters_data(origin, moment.last_ns, readings)
    span = quantities.nanoseconds(moment.last_ns - origin)
    data |= {
        "words": f"{quantities.counted(len(moment.spans), 'span')} in {span}",
        "file": file,
        "names": [shown_text.line(name, 80) for name in names],
        "lanes": [
            {"label": shown_text.line(name, 40), "rows": rows} for name, rows in moment.lanes
        ],
        "max_rows": MAX_ROWS,
        "spans": {
            "start": [_ms(span.start_ns - origin) for span in moment.spans],
            "took": [_ms(span.duration_ns) for span in moment.spans],
            "row": [before[span.lane] + span.row for span in moment.spans],
            "name": [names[span.name] for span in moment.spans],
            "hue": [lane_of(span.modality) for span in moment.spans],
            "failed": [int(span.is_failed) for span in moment.spans],
        },
        "work": [
            {
                "start": _ms(each.start_ns - origin),
                "took": _ms(each.end_ns - each.start_ns),
                "name": shown_text.line(each.name, 80),
                "hue": lane_of(each.modality),
                "share": each.share,
                "words": each.words,
            }
            for each in work
        ],
        "work_label": work_label,
        "gaps": [
            {
                "start": _ms(each.start_ns - origin),
                "took": _ms(each.end_ns - each.start_ns),
                "words": shown_text.line(each.words, 120),
            }
            for each in gaps
        ],
    }
    if strip is not None:
        data["strip"] = {
            "label": strip.label,
            "values": [None if v is None else round(v, 2) for v in strip.values],
            "from": _ms(strip.first_ns - origin),
            "span": _ms(strip.last_ns - strip.first_ns),
        }
    return data


def counters_data(
    first_ns: int, last_ns: int, readings: Sequence[Readings], *, follows: str = ""
) -> dict[str, Any]:
    """Counters alone. `follows` is the waterfall whose zoom they take over."""
    several = len({each.device for each in readings if each.device}) > 1
    panels = [_panel(each, first_ns, several) for each in readings if each.metric in PANELS]
    return {
        "words": quantities.counted(len(panels), "counter"),
        "file": "counters",
        "origin_ns": first_ns,
        "origin_ms": first_ns / 1e6,
        "total": (last_ns - first_ns) / 1e6,
        "follows": follows,
        "hues": [hue.css for hue in HUES],
        "error": ERROR.css,
        "names": [],
        "lanes": [],
        "spans": {"start": [], "took": [], "row": [], "name": [], "hue": [], "failed": []},
        "work": [],
        "gaps": [],
        "work_label": "",
        "max_rows": MAX_ROWS,
        "panels": panels,
    }


def _panel(readings: Readings, first_ns: int, is_one_of_several: bool) -> dict[str, Any]:
    panel = PANELS[readings.metric]
    device = shown_text.line(readings.device, 12) if readings.device else ""
    return {
        "label": f"{panel.label} {device}" if is_one_of_several and device else panel.label,
        "unit": panel.unit,
        "top": panel.top,
        "hint": panel.hint,
        "is_bound": panel.is_bound,
        "end": [_ms(time - first_ns) for time in readings.time_ns],
        "long": [_ms(length) for length in readings.span_ns],
        "value": [float(f"{value * panel.scale:.4g}") for value in readings.value],
    }


def _ms(ns: float) -> float:
    return round(ns / 1e6, 4)


@cache
def _component() -> Any:
    return st.components.v2.component(
        "latprobe_gpu_timeline",
        html='<div class="frame"></div>',
        css=source("waterfall.css", "gpu_timeline.css"),
        js=source(
            "saving.js", "drawing.js", "zoomed.js", "gpu_timeline_canvas.js", "gpu_timeline.js"
        ),
    )
