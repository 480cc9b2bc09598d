"""One request: its spans as bars on a time axis, and its paths as an icicle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from latprobe.analysis.flame import FlameNode
from latprobe.analysis.trace import TraceSpan
from latprobe_dashboard import quantities
from latprobe_dashboard.charts.interactive.parts import (
    BACK,
    BAD,
    INK,
    Chart,
    Values,
    axis,
    edged,
    lines,
    on_hue,
    plain,
    row_bars,
    text,
    unit_of,
)
from latprobe_dashboard.theme import Hue, hue_of

# More bars than this make Plotly slow to drag; the longest spans stay.
MOST_SPANS = 4_000
# So many rows are seen at first; the others are below, as on the page.
_FIRST_ROWS = 45


def waterfall(spans: Sequence[TraceSpan], *, duration_ns: int) -> Chart:
    """The spans in their order, what the request waited for outlined."""
    kept = _longest(spans)
    size, unit = unit_of(duration_ns / 1e6)
    names = [_row_name(at, span) for at, span in kept]
    hues = list(dict.fromkeys(hue_of(span.modality) for _, span in kept))
    drawn = [_bars(hue, kept, names, size) for hue in hues]
    drawn += _legend(kept)
    basis = f"{len(spans):,} spans in {quantities.nanoseconds(duration_ns)}"
    if len(kept) < len(spans):
        basis += f", the {len(kept):,} longest are shown"
    rows = min(len(kept), _FIRST_ROWS)
    layout = {
        "xaxis": axis(f"Time from the request's start ({unit})", side="bottom"),
        "yaxis": axis(
            type="category",
            categoryorder="array",
            categoryarray=names,
            range=[rows - 0.5, -0.5],
            showgrid=False,
        ),
        "barmode": "overlay",
        "dragmode": "pan",
    }
    return Chart("One request", basis, drawn, layout, 200 + 20 * max(rows, 8))


def _longest(spans: Sequence[TraceSpan]) -> list[tuple[int, TraceSpan]]:
    """At most MOST_SPANS of them with their places, in their order."""
    places = sorted(range(len(spans)), key=lambda at: -spans[at].duration_ns)[:MOST_SPANS]
    return [(at, spans[at]) for at in sorted(places)]


def _row_name(at: int, span: TraceSpan) -> str:
    """With its number, since spans of one name are rows of their own."""
    return f"{text(span.name, 40)}  {at + 1}"


def _bars(
    hue: Hue, kept: Sequence[tuple[int, TraceSpan]], names: Sequence[str], size: float
) -> Values:
    own = [
        (name, span)
        for name, (_, span) in zip(names, kept, strict=True)
        if hue_of(span.modality) is hue
    ]
    bars = row_bars(
        hue,
        rows=[name for name, _ in own],
        lengths=[span.duration_ns / 1e6 / size for _, span in own],
        tips=[_tip(span) for _, span in own],
    )
    return {
        **bars,
        "base": [span.offset_ns / 1e6 / size for _, span in own],
        "marker": edged(hue, [_edge(span) for _, span in own]),
    }


def _edge(span: TraceSpan) -> str | None:
    if span.status == "error":
        return BAD
    return INK if span.is_waited_for else None


def _legend(kept: Sequence[tuple[int, TraceSpan]]) -> list[Values]:
    """What the outlines mean, where there are any."""
    meaning = {INK: "On the critical path", BAD: "Failed"}
    found = {_edge(span) for _, span in kept}
    return [
        {
            "type": "bar",
            "name": words,
            "x": [None],
            "y": [None],
            "marker": {"color": BACK, "line": {"color": color, "width": 2}},
            "showlegend": True,
        }
        for color, words in meaning.items()
        if color in found
    ]


def _tip(span: TraceSpan) -> str:
    own = quantities.nanoseconds(span.self_ns)
    critical = quantities.nanoseconds(span.critical_ns + span.carried_ns)
    return lines(
        text(span.name),
        f"{plain(quantities.nanoseconds(span.duration_ns))}, {plain(own)} own",
        f"from {plain(quantities.nanoseconds(span.offset_ns))}",
        f"{plain(critical)} on the critical path" if span.is_waited_for else "",
        _token_words(span),
        f"failed: {text(span.status_message)}" if span.status == "error" else "",
    )


def _token_words(span: TraceSpan) -> str:
    if span.input_tokens is None and span.output_tokens is None:
        return ""
    given, made = quantities.exact(span.input_tokens), quantities.exact(span.output_tokens)
    return f"{given} tokens in, {made} out"


def flame(nodes: Sequence[FlameNode], *, duration_ns: int) -> Chart:
    """The request's paths by own time; a click on one makes it the whole width."""
    spans = sum(node.count for node in nodes if not node.is_rest)
    drawn: dict[str, Any] = {
        "type": "icicle",
        "ids": [str(at) for at in range(len(nodes))],
        "parents": ["" if node.parent < 0 else str(node.parent) for node in nodes],
        "labels": [text(node.name, 60) for node in nodes],
        "values": [node.total_ns for node in nodes],
        "branchvalues": "total",
        "sort": False,
        "hovertext": [_path_tip(node) for node in nodes],
        "hoverinfo": "text",
        "textinfo": "label",
        "textfont": {"color": [on_hue(hue_of(node.modality)) for node in nodes]},
        "tiling": {"orientation": "v", "pad": 1},
        "marker": {
            "colors": [hue_of(node.modality).css for node in nodes],
            "line": {"color": [BAD if node.errors else BACK for node in nodes], "width": 1},
        },
        "root": {"color": BACK},
        "leaf": {"opacity": 1},
    }
    basis = (
        f"{quantities.counted(spans, 'span')} by path: "
        f"{quantities.nanoseconds(nodes[0].total_ns if nodes else 0)} of own time in "
        f"{quantities.nanoseconds(duration_ns)}"
    )
    depth = max((node.depth for node in nodes), default=0)
    return Chart("One request by path", basis, [drawn], {}, 260 + 34 * (depth + 1))


def _path_tip(node: FlameNode) -> str:
    return lines(
        text(node.name),
        f"{plain(quantities.nanoseconds(node.total_ns))} with all below",
        f"{plain(quantities.nanoseconds(node.own_ns))} own",
        f"n = {quantities.counted(node.count, 'span')}",
        f"{node.errors:,} failed" if node.errors else "",
    )
