"""How long requests took, as a histogram on which a range can be drawn with the mouse."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from latprobe_dashboard import quantities
from latprobe_dashboard.charts.interactive import shares
from latprobe_dashboard.charts.saving import as_html
from latprobe_dashboard.charts.scripts import nothing, source

BINS = 64
HEIGHT = 110
Range = tuple[float | None, float | None]


def mount(drawn: dict[str, Any], *, key: str) -> Range | None:
    """Draws what `picker_data` gives; the range that was just chosen, if any."""
    with as_html("durations", lambda _: shares.durations(drawn), key=key):
        found = _component()(data=drawn, key=key, on_range_change=nothing).range
    return _range(found)


def picker_data(took_ms: NDArray[np.float64], *, chosen: Range) -> dict[str, Any]:
    """Logarithmic bins from the shortest to the longest with the chosen range marked; nothing to
    draw for under two requests."""
    if len(took_ms) < 2:
        return {"height": HEIGHT, "counts": [], "low": 0, "high": 0, "words": "", "marks": []}
    low, high = max(float(took_ms.min()), 1e-6), max(float(took_ms.max()), 2e-6)
    if high <= low * 1.0001:
        high = low * 1.01
    edges = np.geomspace(low, high, BINS + 1)
    counts, _ = np.histogram(np.clip(took_ms, low, high), edges)
    p50, p95, p99 = np.quantile(took_ms, [0.5, 0.95, 0.99]).tolist()
    return {
        "height": HEIGHT,
        "counts": counts.tolist(),
        "low": low,
        "high": high,
        "chosen": list(chosen),
        "marks": [{"name": "p50", "ms": p50}, {"name": "p95", "ms": p95}],
        "shortcuts": [
            {"name": "Slowest 5 %", "range": [p95, None]},
            {"name": "Slowest 1 %", "range": [p99, None]},
            {"name": "All", "range": [None, None]},
        ],
        "words": f"Durations of {quantities.counted(len(took_ms), 'request')}, "
        f"{quantities.milliseconds(low)} to {quantities.milliseconds(high)}",
    }


def _range(found: object) -> Range | None:
    """What the browser sent, as far as it is a range."""
    values = found.get("ends") if isinstance(found, Mapping) else found
    if not isinstance(values, (list, tuple)) or len(values) != 2:
        return None
    low, high = (
        float(value) if isinstance(value, (int, float)) and value >= 0 else None for value in values
    )
    return low, high


@cache
def _component() -> Any:
    return st.components.v2.component(
        "latprobe_duration_picker",
        html='<div class="frame"></div>',
        css=source("waterfall.css"),
        js=source("saving.js", "drawing.js", "duration_picker.js"),
    )
