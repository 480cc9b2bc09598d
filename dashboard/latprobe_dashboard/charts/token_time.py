"""Cost and cache share over time: two stacked panels on one time axis, never two y-axes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import streamlit as st

from latprobe_dashboard import quantities
from latprobe_dashboard.charts.interactive import over_time
from latprobe_dashboard.charts.saving import as_html
from latprobe_dashboard.charts.scripts import source
from latprobe_dashboard.token_figures import TimePoint


def mount(points: Sequence[TimePoint], *, key: str, height: int) -> None:
    """Draws the points; the browser knows its time zone and its theme."""
    with as_html("tokens", lambda zone: over_time.cost(points, zone=zone), key=key):
        _component()(data=time_data(points, height=height), key=key)


def is_priced(points: Sequence[TimePoint]) -> bool:
    """Whether there is a cost to draw; without one tokens are drawn."""
    return any(point.cost_usd is not None for point in points)


def time_data(points: Sequence[TimePoint], *, height: int) -> dict[str, Any]:
    """The points as columns; None where no call has the figure."""
    step_ns = points[1].time_ns - points[0].time_ns if len(points) > 1 else 60_000_000_000
    priced = is_priced(points)
    values = [point.cost_usd if priced else _tokens(point) for point in points]
    written = quantities.dollars if priced else quantities.count
    return {
        "height": height,
        "first_ms": points[0].time_ns / 1e6 if points else 0,
        "step_ms": step_ns / 1e6,
        "unit": "$" if priced else "tokens",
        "values": values,
        "cache": [point.cache_share for point in points],
        "has_cache": any(point.cache_share is not None for point in points),
        "words": [
            [
                f"{written(value)}{'' if priced else ' tokens'}",
                f"{quantities.share(point.cache_share)} from the cache",
                quantities.counted(point.calls, "call"),
            ]
            for point, value in zip(points, values, strict=True)
        ],
        "label": f"{'Cost' if priced else 'Tokens'} and cache share over time",
    }


def _tokens(point: TimePoint) -> float | None:
    if point.input_tokens is None and point.output_tokens is None:
        return None
    return float((point.input_tokens or 0) + (point.output_tokens or 0))


@cache
def _component() -> Any:
    return st.components.v2.component(
        "latprobe_token_time",
        html='<div class="frame"></div>',
        css=source("latency.css"),
        js=source("saving.js", "drawing.js", "chart.js", "time_axis.js", "token_time.js"),
    )
