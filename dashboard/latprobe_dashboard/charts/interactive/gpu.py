"""A moment of the GPU: stages and their work above, counters below, one time axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from latprobe_dashboard import quantities
from latprobe_dashboard.charts.interactive.parts import (
    BAD,
    BLUE,
    DIM,
    GREY,
    INK,
    Chart,
    Values,
    axis,
    edged,
    lines,
    named_places,
    panels,
    plain,
    row_bars,
    text,
    unit_of,
)
from latprobe_dashboard.theme import HUES

_ROW_PX, _WORK_PX, _PANEL_PX = 18, 50, 96
Drawn = Mapping[str, Any]


def timeline(drawn: Drawn) -> Chart:
    """What `moment_data` gives, or `counters_data`; times from the moment's start."""
    size = unit_of(drawn["total"])[0]
    bands: list[list[Values]] = []
    heights: list[float] = []
    axes: list[Values] = []
    if drawn["lanes"]:
        rows = sum(lane["rows"] for lane in drawn["lanes"])
        bands.append(_spans(drawn, size))
        heights.append(max(rows * _ROW_PX, 60))
        axes.append(_lane_axis(drawn, rows))
    if drawn["work_label"]:
        bands.append(_work(drawn, size))
        heights.append(_WORK_PX)
        axes.append(_work_axis(drawn))
    for panel in drawn["panels"]:
        bands.append([_counter(panel, size)])
        heights.append(_PANEL_PX)
        axes.append(_counter_axis(panel))
    return _chart(drawn, bands, heights, axes)


def _chart(
    drawn: Drawn,
    bands: Sequence[Sequence[Values]],
    heights: Sequence[float],
    axes: Sequence[Values],
) -> Chart:
    """The bands below each other over one time axis."""
    unit = unit_of(drawn["total"])[1]
    domains = panels(heights, 0.02 if len(heights) > 1 else 0)
    layout: Values = {"barmode": "overlay", "dragmode": "pan"}
    traces: list[Values] = []
    for at, (band, found, domain) in enumerate(zip(bands, axes, domains, strict=True)):
        number = "" if at == 0 else str(at + 1)
        layout[f"yaxis{number}"] = {**found, "domain": domain}
        traces += [{**trace, "yaxis": f"y{number}"} for trace in band]
    last = "y" if len(bands) == 1 else f"y{len(bands)}"
    of, title = ("moment", "Stages and the GPU's counters")
    took = quantities.milliseconds(drawn["total"])
    basis = f"n = {quantities.counted(len(drawn['spans']['start']), 'span')} in {took}"
    if not drawn["lanes"]:
        of, title = "request", "GPU and host counters during a request"
        basis = f"{quantities.counted(len(drawn['panels']), 'counter')} over {took}"
    layout["xaxis"] = axis(f"Time from the {of}'s start ({unit})", anchor=last)
    return Chart(title, basis, traces, layout, 200 + int(sum(heights)))


def _spans(drawn: Drawn, size: float) -> list[Values]:
    spans, names = drawn["spans"], drawn["names"]
    bands = []
    for lane in sorted(set(spans["hue"])):
        own = [at for at, hue in enumerate(spans["hue"]) if hue == lane]
        failed = [bool(spans["failed"][at]) for at in own]
        tips = [
            lines(plain(names[spans["name"][at]]), _ms(spans["took"][at]), "failed" if bad else "")
            for at, bad in zip(own, failed, strict=True)
        ]
        bars = row_bars(
            HUES[lane],
            rows=[spans["row"][at] for at in own],
            lengths=[spans["took"][at] / size for at in own],
            tips=tips,
        )
        begin = [spans["start"][at] / size for at in own]
        marker = edged(HUES[lane], [BAD if bad else None for bad in failed])
        bands.append({**bars, "base": begin, "marker": marker})
    return bands


def _work(drawn: Drawn, size: float) -> list[Values]:
    """What had work for the GPU, as high as its share is, and the gaps without any."""
    work, gaps = drawn["work"], drawn["gaps"]
    found = []
    if work:
        found.append(
            {
                **_columns("has work for the GPU", work, size),
                "y": [100.0 if each["share"] is None else 100 * each["share"] for each in work],
                "hovertext": [
                    lines(plain(each["name"]), _ms(each["took"]), text(each["words"], 160))
                    for each in work
                ],
                "marker": {"color": [HUES[each["hue"]].css for each in work]},
            }
        )
    if gaps:
        found.append(
            {
                **_columns("no work for the GPU", gaps, size),
                "y": [100] * len(gaps),
                "hovertext": [
                    lines(f"{_ms(each['took'])} without work", plain(each["words"]))
                    for each in gaps
                ],
                "marker": {"color": GREY, "pattern": {"shape": "/", "fgcolor": DIM}},
            }
        )
    return found


def _columns(name: str, found: Sequence[Drawn], size: float) -> Values:
    """Stretches of time as bars that stand on the axis."""
    return {
        "type": "bar",
        "name": name,
        "x": [(each["start"] + each["took"] / 2) / size for each in found],
        "width": [each["took"] / size for each in found],
        "hoverinfo": "text",
        "showlegend": True,
    }


def _lane_axis(drawn: Drawn, rows: int) -> Values:
    named, row = {}, 0
    for lane in drawn["lanes"]:
        named[row + (lane["rows"] - 1) / 2] = plain(lane["label"])
        row += lane["rows"]
    return named_places("", named, range=[rows - 0.4, -0.6], showgrid=False, zeroline=False)


def _work_axis(drawn: Drawn) -> Values:
    title = {"text": plain(drawn["work_label"]), "font": {"size": 11}}
    return {**axis(range=[0, 105], nticks=3, ticksuffix=" %"), "title": title}


def _counter(panel: Drawn, size: float) -> Values:
    """Each reading holds for the stretch that it is the mean of; between them nothing is drawn."""
    x: list[float | None] = []
    y: list[float | None] = []
    for end, long, value in zip(panel["end"], panel["long"], panel["value"], strict=True):
        begin = end - long
        if x and x[-1] is not None and begin / size > x[-1] + long / size * 0.5:
            x.append(None)
            y.append(None)
        x += [begin / size, end / size]
        y += [value, value]
    name = plain(panel["label"])
    bound = "a bound, not attributed" if panel["is_bound"] else ""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x,
        "y": y,
        "hovertext": [
            "" if v is None else lines(f"{name}: {v:,.4g} {panel['unit']}", bound) for v in y
        ],
        "hoverinfo": "text",
        "line": {"color": INK if panel["is_bound"] else BLUE, "width": 1.5},
        "showlegend": False,
    }


def _counter_axis(panel: Drawn) -> Values:
    title = {"text": f"{plain(panel['label'])} ({panel['unit']})", "font": {"size": 11}}
    found = axis(nticks=4, rangemode="tozero")
    if panel["top"] is not None:
        found["range"] = [0, panel["top"] * 1.05]
    return {**found, "title": title}


def _ms(ms: float) -> str:
    return plain(quantities.milliseconds(ms))
