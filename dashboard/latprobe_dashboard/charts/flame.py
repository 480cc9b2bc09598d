"""One request as an icicle: its paths by own time, at most 200 boxes whatever it has of spans."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import streamlit as st

from latprobe.analysis.flame import FlameNode
from latprobe_dashboard import quantities, shown_text
from latprobe_dashboard.charts.interactive import request
from latprobe_dashboard.charts.saving import as_html
from latprobe_dashboard.charts.scripts import nothing, source
from latprobe_dashboard.theme import ERROR, HUES, lane_of

ROW_HEIGHT = 24
MIN_HEIGHT, MAX_HEIGHT = 320, 500


def mount(
    nodes: Sequence[FlameNode], *, duration_ns: int, selected: int | None, key: str
) -> int | None:
    """Draws the nodes; returns the place of the one that was just picked."""
    shown = flame_data(nodes, duration_ns=duration_ns, selected=selected)
    with as_html("flame", lambda _: request.flame(nodes, duration_ns=duration_ns), key=key):
        picked = _component()(data=shown, key=key, on_pick_change=nothing).pick
    return int(picked) if isinstance(picked, (int, float)) and 0 <= picked < len(nodes) else None


def flame_data(
    nodes: Sequence[FlameNode], *, duration_ns: int, selected: int | None
) -> dict[str, Any]:
    """The nodes as columns; places and widths in ms of own time."""
    total_ns = nodes[0].total_ns if nodes else 0
    spans = sum(node.count for node in nodes if not node.is_rest)
    deepest = max((node.depth for node in nodes), default=0)
    return {
        "height": min(max((deepest + 1) * ROW_HEIGHT + 8, MIN_HEIGHT), MAX_HEIGHT),
        "row": ROW_HEIGHT,
        "total": total_ns / 1e6,
        "from": [node.from_ns / 1e6 for node in nodes],
        "width": [node.total_ns / 1e6 for node in nodes],
        "depth": [node.depth for node in nodes],
        "parent": [node.parent for node in nodes],
        "names": [shown_text.line(node.name, 120) for node in nodes],
        "lanes": [lane_of(node.modality) for node in nodes],
        "rest": [node.is_rest for node in nodes],
        "failed": [bool(node.errors) for node in nodes],
        "words": [_words(node, total_ns) for node in nodes],
        "selected": -1 if selected is None else selected,
        "hues": [hue.css for hue in HUES],
        "error": ERROR.css,
        "summary": f"{quantities.counted(spans, 'span')} by path: "
        f"{quantities.nanoseconds(total_ns)} of own time in "
        f"{quantities.nanoseconds(duration_ns)}",
    }


def _words(node: FlameNode, total_ns: int) -> str:
    """What the tip says under the name."""
    share = f" ({quantities.share(node.total_ns / total_ns)})" if total_ns > 0 else ""
    words = [
        f"{quantities.nanoseconds(node.total_ns)}{share} with all below",
        f"{quantities.nanoseconds(node.own_ns)} own",
        quantities.counted(node.count, "span"),
    ]
    if node.errors:
        words.append(f"{node.errors:,} failed")
    return " · ".join(words)


@cache
def _component() -> Any:
    return st.components.v2.component(
        "latprobe_flame",
        html='<div class="frame"></div>',
        css=source("waterfall.css"),
        js=source("saving.js", "drawing.js", "flame.js"),
    )
