"""How a stage's durations are distributed: logarithmic bins, p50 and p95 marked.

A canvas like the latency chart: a chart library's script alone took 1.1 s of the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import streamlit as st

from latprobe.analysis.stage_detail import HistogramBin
from latprobe_dashboard import quantities
from latprobe_dashboard.charts.interactive import shares
from latprobe_dashboard.charts.saving import as_html
from latprobe_dashboard.charts.scripts import source


def mount(
    bins: Sequence[HistogramBin], *, p50_ms: float, p95_ms: float, key: str, height: int = 300
) -> None:
    """Draws the bins as bars of equal width, since the axis is logarithmic."""
    shown = histogram_data(bins, p50_ms=p50_ms, p95_ms=p95_ms, height=height)
    with as_html(
        "histogram", lambda _: shares.histogram(bins, p50_ms=p50_ms, p95_ms=p95_ms), key=key
    ):
        _component()(data=shown, key=key)


def histogram_data(
    bins: Sequence[HistogramBin], *, p50_ms: float, p95_ms: float, height: int = 300
) -> dict[str, Any]:
    """The bins as columns; a mark's place is counted in bins from the first one's left edge."""
    marks = {"p50": p50_ms, "p95": p95_ms} if bins else {}
    return {
        "height": height,
        "counts": [each.count for each in bins],
        "edges": [quantities.milliseconds(each.from_ms) for each in bins],
        "ranges": [
            f"{quantities.milliseconds(each.from_ms)} to {quantities.milliseconds(each.to_ms)}"
            for each in bins
        ],
        "marks": [{"name": name, "at": _place(bins, ms)} for name, ms in marks.items()],
        "words": _words(bins, p50_ms, p95_ms),
    }


def _place(bins: Sequence[HistogramBin], ms: float) -> float:
    """Where a duration lies on the axis of bins, by its logarithm's bin and linearly within it."""
    for at, found in enumerate(bins):
        if ms < found.to_ms or at == len(bins) - 1:
            width = found.to_ms - found.from_ms
            inside = (ms - found.from_ms) / width if width > 0 else 0.5
            return at + min(max(inside, 0.0), 1.0)
    return 0.0


def _words(bins: Sequence[HistogramBin], p50_ms: float, p95_ms: float) -> str:
    """The chart in a sentence, for whoever cannot see it."""
    if not bins:
        return "Distribution of durations: no spans."
    spans = quantities.counted(sum(each.count for each in bins), "span")
    return (
        f"Distribution of durations: {spans} from {quantities.milliseconds(bins[0].from_ms)} to "
        f"{quantities.milliseconds(bins[-1].to_ms)}, p50 {quantities.milliseconds(p50_ms)}, "
        f"p95 {quantities.milliseconds(p95_ms)}."
    )


@cache
def _component() -> Any:
    return st.components.v2.component(
        "latprobe_histogram",
        html='<div class="frame"></div>',
        css=source("latency.css"),
        js=source("saving.js", "drawing.js", "chart.js", "histogram.js"),
    )
