"""Charts of how much: durations in bins, stages by critical share, tokens by part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from latprobe_dashboard import quantities
from latprobe_dashboard.charts.interactive.parts import (
    BLUE,
    DIM,
    INK,
    Chart,
    Values,
    axis,
    lines,
    named_places,
    on_hue,
    plain,
    row_bars,
    text,
)
from latprobe_dashboard.theme import Hue, hue_of

if TYPE_CHECKING:  # what makes them is much more than this needs
    from latprobe.analysis.overview import Overview
    from latprobe.analysis.report import StageRow
    from latprobe.analysis.stage_detail import HistogramBin
    from latprobe_dashboard.charts.token_bars import Bar

# At most so many names stand at the axis of bins.
_EDGES = 9


def histogram(bins: Sequence[HistogramBin], *, p50_ms: float, p95_ms: float) -> Chart:
    """Spans by duration; the bins are logarithmic, so they have equal widths."""
    edges = [(each.from_ms, each.to_ms) for each in bins]
    marks = {"p50": p50_ms, "p95": p95_ms} if bins else {}
    return _binned("Distribution of durations", edges, [b.count for b in bins], marks, "spans")


def durations(drawn: Mapping[str, Any]) -> Chart:
    """What `picker_data` gives: requests by duration."""
    counts: list[int] = drawn["counts"]
    low, high = drawn["low"], drawn["high"]
    ratio = (high / low) ** (1 / len(counts)) if counts else 1.0
    edges = [(low * ratio**at, low * ratio ** (at + 1)) for at in range(len(counts))]
    marks = {mark["name"]: mark["ms"] for mark in drawn["marks"]}
    return _binned("How long requests took", edges, counts, marks, "requests")


def _binned(
    title: str,
    edges: Sequence[tuple[float, float]],
    counts: Sequence[int],
    marks: Mapping[str, float],
    noun: str,
) -> Chart:
    drawn = {
        "type": "bar",
        "x": [at + 0.5 for at in range(len(edges))],
        "y": list(counts),
        "width": 0.96,
        "name": noun,
        "hovertext": [
            lines(f"{_plain_ms(low)} to {_plain_ms(high)}", f"n = {count:,}")
            for (low, high), count in zip(edges, counts, strict=True)
        ],
        "hoverinfo": "text",
        "marker": {"color": BLUE},
    }
    every = max(-(-len(edges) // _EDGES), 1)
    named = {float(at): _plain_ms(edges[at][0]) for at in range(0, len(edges), every)}
    words = [f"n = {quantities.exact(sum(counts))} {noun}"]
    words += [f"{name} {quantities.milliseconds(ms)}" for name, ms in marks.items()]
    layout = {
        "xaxis": named_places("Duration (logarithmic)", named),
        "yaxis": axis(noun.capitalize()),
        "shapes": [_mark(_place(edges, ms)) for ms in marks.values()],
        "annotations": [_mark_name(name, _place(edges, ms)) for name, ms in marks.items()],
    }
    return Chart(title, ", ".join(words), [drawn], layout)


def _place(edges: Sequence[tuple[float, float]], ms: float) -> float:
    """Where a duration lies on the axis of bins."""
    for at, (low, high) in enumerate(edges):
        if ms < high or at == len(edges) - 1:
            inside = (ms - low) / (high - low) if high > low else 0.5
            return at + min(max(inside, 0.0), 1.0)
    return 0.0


def _mark(at: float) -> Values:
    line = {"color": INK, "width": 1, "dash": "dot"}
    return {"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper", "line": line}


def _mark_name(name: str, at: float) -> Values:
    place = {"x": at, "y": 1, "yref": "paper", "yanchor": "bottom"}
    return {"text": name, "showarrow": False, "font": {"color": DIM}, **place}


def stages(seen: Overview) -> Chart:
    """Stages by their share of the critical path, in their modality's colour."""
    found = seen.stages
    hues = list(dict.fromkeys(hue_of(row.modality) for row in found))
    drawn = [_stage_bars(hue, found) for hue in hues]
    basis = f"n = {quantities.exact(seen.sampled_traces)} requests"
    if seen.sampled_traces < seen.requests.count:
        basis += f", a sample of {quantities.exact(seen.requests.count)}"
    layout = {
        "xaxis": axis("Share of the critical path (%)", rangemode="tozero"),
        "yaxis": _rows([text(row.name, 40) for row in found]),
        "barmode": "overlay",
    }
    height = 190 + 30 * len(found)
    return Chart("Stages by critical path", basis, drawn, layout, height)


def _stage_bars(hue: Hue, found: Sequence[StageRow]) -> Values:
    own = [(at, row) for at, row in enumerate(found) if hue_of(row.modality) is hue]
    bars = row_bars(
        hue,
        rows=[at for at, _ in own],
        lengths=[100 * row.critical_share for _, row in own],
        tips=[_stage_tip(row) for _, row in own],
    )
    return {
        **bars,
        "text": [plain(quantities.share(row.critical_share)) for _, row in own],
        "textposition": "auto",
        "insidetextfont": {"color": on_hue(hue)},
    }


def _stage_tip(row: StageRow) -> str:
    times = (("p50", row.p50_ms), ("p95", row.p95_ms), ("p99", row.p99_ms))
    return lines(
        text(row.name),
        f"{plain(quantities.share(row.critical_share))} of the critical path",
        f"{plain(quantities.share(row.critical_share_p95))} in the slowest 5 %",
        " · ".join(f"{name} {_plain_ms(ms)}" for name, ms in times),
        f"n = {row.count:,} spans, {row.errors:,} failed",
    )


def tokens(bars: Sequence[Bar]) -> Chart:
    """A row for each template, a segment for each part; "~" marks what is estimated."""
    hues = list(dict.fromkeys(segment.hue for bar in bars for segment in bar.segments))
    drawn = [_part_bars(hue, bars) for hue in hues]
    total = sum(bar.tokens for bar in bars if bar.segments)
    layout = {
        "xaxis": axis("Tokens", rangemode="tozero"),
        "yaxis": _rows([_bar_name(bar) for bar in bars]),
        "barmode": "stack",
    }
    basis = f"{quantities.exact(total)} tokens"
    return Chart("Tokens by stage, template and part", basis, drawn, layout, 210 + 26 * len(bars))


def _bar_name(bar: Bar) -> str:
    return text(bar.name, 40) if bar.segments else f"<b>{text(bar.name, 40)}</b>"


def _part_bars(hue: Hue, bars: Sequence[Bar]) -> Values:
    own = [
        (at, bar, segment)
        for at, bar in enumerate(bars)
        for segment in bar.segments
        if segment.hue is hue and segment.tokens > 0
    ]
    tips = [
        lines(
            text(bar.name),
            f"{plain(hue.label)}: {'~' if part.is_estimated else ''}{part.tokens:,} tokens",
            "estimated" if part.is_estimated else "",
        )
        for _, bar, part in own
    ]
    return row_bars(
        hue,
        rows=[at for at, _, _ in own],
        lengths=[segment.tokens for _, _, segment in own],
        tips=tips,
    )


def _rows(names: Sequence[str]) -> Values:
    """Rows by their place: two of one name stay two."""
    places = {float(at): name for at, name in enumerate(names)}
    return named_places("", places, range=[len(names) - 0.5, -0.5], showgrid=False)


def _plain_ms(ms: float) -> str:
    return plain(quantities.milliseconds(ms))
