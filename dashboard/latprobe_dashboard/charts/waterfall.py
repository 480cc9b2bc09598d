"""One request as a waterfall on a canvas: 10,000 spans scroll and zoom like 20 do.

The spans travel as one packed buffer and only the visible rows are drawn. (Plotly and SVG were
measured at 330-620 ms a drag frame at that size; this one stays under a screen refresh.)
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import streamlit as st

from latprobe.analysis.trace import TraceSpan
from latprobe_dashboard import quantities, shown_text
from latprobe_dashboard.charts.interactive import request
from latprobe_dashboard.charts.saving import as_html
from latprobe_dashboard.charts.scripts import nothing, source
from latprobe_dashboard.theme import ERROR, HUES, lane_of

CRITICAL, FAILED = 1, 2
ROW_HEIGHT, HEAD_HEIGHT = 22, 26
MIN_HEIGHT, MAX_HEIGHT = 320, 500

SCRIPTS = ("saving.js", "drawing.js", "zoomed.js", "waterfall_canvas.js", "waterfall.js")


def mount(spans: Sequence[TraceSpan], *, duration_ns: int, selected: int, key: str) -> int | None:
    """Draws the spans in their order; returns the index of the span that was just picked."""
    component = _component()
    packed = pack(spans, duration_ns=duration_ns, selected=selected)
    with as_html("waterfall", lambda _: request.waterfall(spans, duration_ns=duration_ns), key=key):
        picked = component(data=packed, key=key, on_pick_change=nothing).pick
    return int(picked) if isinstance(picked, (int, float)) and 0 <= picked < len(spans) else None


def pack(spans: Sequence[TraceSpan], *, duration_ns: int, selected: int) -> bytes:
    """The buffer: header length and count (u32), header JSON padded to 8 bytes, then the columns.

    Columns: offset and duration in ms (f64), name index and depth (u32), lane and flags (u8).
    """
    names = {name: at for at, name in enumerate(dict.fromkeys(span.name for span in spans))}
    header = json.dumps(
        {
            "names": [shown_text.line(name, 120) for name in names],
            "total": duration_ns / 1e6,
            "selected": selected,
            "height": height_of(len(spans)),
            "hues": [hue.css for hue in HUES],
            "error": ERROR.css,
            "summary": f"{len(spans):,} spans in {quantities.nanoseconds(duration_ns)}",
        }
    ).encode()
    header += b" " * (-len(header) % 8)
    columns = (
        np.array([span.offset_ns for span in spans], "<f8") / 1e6,
        np.array([span.duration_ns for span in spans], "<f8") / 1e6,
        np.array([names[span.name] for span in spans], "<u4"),
        np.array([span.depth for span in spans], "<u4"),
        np.array([lane_of(span.modality) for span in spans], "u1"),
        np.array([_flags(span) for span in spans], "u1"),
    )
    body = b"".join(column.tobytes() for column in columns)
    return struct.pack("<II", len(header), len(spans)) + header + body


def height_of(spans: int) -> int:
    """The canvas's height in pixels; more rows than fit scroll."""
    return min(max(HEAD_HEIGHT + ROW_HEIGHT * spans + 6, MIN_HEIGHT), MAX_HEIGHT)


def _flags(span: TraceSpan) -> int:
    return CRITICAL * span.is_waited_for | FAILED * (span.status == "error")


@cache
def _component() -> Any:
    return st.components.v2.component(
        "latprobe_waterfall",
        html='<div class="frame"></div>',
        css=source("waterfall.css"),
        js=source(*SCRIPTS),
    )
