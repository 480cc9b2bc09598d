"""How a stage's durations are distributed: logarithmic bins, p50 and p95 marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from latprobe.analysis.stage_detail import HistogramBin
from latprobe_dashboard import quantities
from latprobe_dashboard.theme import TEXT

CONFIG = {"displaylogo": False, "modeBarButtons": [["zoom2d", "resetScale2d", "toImage"]]}


def mount(
    bins: Sequence[HistogramBin],
    *,
    p50_ms: float,
    p95_ms: float,
    is_dark: bool,
    key: str,
    height: int = 300,
) -> None:
    """Draws the bins as bars of equal width, since the axis is logarithmic."""
    figure = histogram_figure(bins, p50_ms=p50_ms, p95_ms=p95_ms, is_dark=is_dark)
    figure["layout"]["height"] = height
    with st.container(key=key):
        st.plotly_chart(figure, key=f"{key}_plot", config=CONFIG, theme="streamlit")


def histogram_figure(
    bins: Sequence[HistogramBin], *, p50_ms: float, p95_ms: float, is_dark: bool
) -> dict[str, Any]:
    """The chart as plain data; a bar's place is its bin's number, its label the bin's edges."""
    words = [
        f"{quantities.milliseconds(b.from_ms)} to {quantities.milliseconds(b.to_ms)}" for b in bins
    ]
    every = max(len(bins) // 8, 1)
    ticks = list(range(0, len(bins), every))
    return {
        "data": [
            {
                "type": "bar",
                "x": list(range(len(bins))),
                "y": [b.count for b in bins],
                "customdata": words,
                "marker": {"color": TEXT.dark if is_dark else TEXT.light},
                "hovertemplate": "%{customdata}: %{y:,} spans<extra></extra>",
            }
        ],
        "layout": {
            "margin": {"l": 8, "r": 8, "t": 24, "b": 8},
            "showlegend": False,
            "bargap": 0.08,
            "xaxis": {
                "tickvals": [at - 0.5 for at in ticks],
                "ticktext": [quantities.milliseconds(bins[at].from_ms) for at in ticks],
                "automargin": True,
                "showgrid": False,
                "tickangle": 0,
            },
            "yaxis": {
                "rangemode": "tozero",
                "automargin": True,
                "nticks": 5,
                "title": {"text": "spans", "standoff": 6},
            },
            "shapes": [_mark(_place(bins, ms)) for ms in (p50_ms, p95_ms)],
            "annotations": [
                _words(_place(bins, ms), name) for name, ms in (("p50", p50_ms), ("p95", p95_ms))
            ],
        },
    }


def _place(bins: Sequence[HistogramBin], ms: float) -> float:
    """Where a duration lies on the axis of bin numbers."""
    for at, found in enumerate(bins):
        if ms < found.to_ms or at == len(bins) - 1:
            width = found.to_ms - found.from_ms
            inside = (ms - found.from_ms) / width if width > 0 else 0.5
            return at - 0.5 + min(max(inside, 0.0), 1.0)
    return 0.0


def _mark(x: float) -> dict[str, Any]:
    return {
        "type": "line",
        "x0": x,
        "x1": x,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": "#808A95", "width": 1.5, "dash": "dot"},
    }


def _words(x: float, name: str) -> dict[str, Any]:
    return {
        "x": x,
        "y": 1,
        "yref": "paper",
        "yanchor": "bottom",
        "text": name,
        "showarrow": False,
    }
