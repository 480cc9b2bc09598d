"""Latency and failures over time: two stacked panels on one time axis, never two y-axes.

A canvas and no chart library, because this chart stands on the first page: 4.7 MB of script were
measured to add 2.8 s to that page on two busy cores, this adds nothing that can be measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import streamlit as st

from latprobe.analysis.timeline import TimelinePoint
from latprobe_dashboard import quantities
from latprobe_dashboard.charts.interactive import over_time
from latprobe_dashboard.charts.saving import as_html
from latprobe_dashboard.charts.scripts import source

HEIGHT = 392

SCRIPTS = ("saving.js", "drawing.js", "chart.js", "time_axis.js", "latency.js")


def mount(points: Sequence[TimelinePoint], *, key: str, height: int = HEIGHT) -> None:
    """Draws p50, p95 and the share that failed; the browser knows its time zone and its theme."""
    with as_html("latency", lambda zone: over_time.latency(points, zone=zone), key=key):
        _component()(data=latency_data(points, height=height), key=key)


def latency_data(points: Sequence[TimelinePoint], *, height: int = HEIGHT) -> dict[str, Any]:
    """The points as columns, times and durations in ms; None where nothing ran."""
    step_ns = points[1].time_ns - points[0].time_ns if len(points) > 1 else 60_000_000_000
    return {
        "height": height,
        "first_ms": points[0].time_ns / 1e6 if points else 0,
        "step_ms": step_ns / 1e6,
        "p50": [_rounded(point.p50_ms) for point in points],
        "p95": [_rounded(point.p95_ms) for point in points],
        "counts": [point.count for point in points],
        "errors": [point.errors for point in points],
        "words": _words(points),
    }


def _rounded(value_ms: float | None) -> float | None:
    return None if value_ms is None else float(f"{value_ms:.5g}")


def _words(points: Sequence[TimelinePoint]) -> str:
    """The chart in a sentence, for whoever cannot see it."""
    worst = max((p for p in points if p.p95_ms is not None), key=_p95, default=None)
    if worst is None:
        return "Latency over time: nothing ran."
    failed = quantities.count(sum(point.errors for point in points))
    return (
        f"Latency over time: p95 is highest at {quantities.moment(worst.time_ns)} UTC with "
        f"{quantities.milliseconds(worst.p95_ms)}; {failed} failed."
    )


def _p95(point: TimelinePoint) -> float:
    return point.p95_ms or 0.0


@cache
def _component() -> Any:
    return st.components.v2.component(
        "latprobe_latency",
        html='<div class="frame"></div>',
        css=source("latency.css"),
        js=source(*SCRIPTS),
    )
