"""Charts on a clock's axis: latency and failures, cost and cache share."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING

from latprobe_dashboard import quantities
from latprobe_dashboard.charts.interactive.parts import (
    BAD,
    BLUE,
    DIM,
    Chart,
    Values,
    axis,
    clock,
    clock_axis,
    lines,
    panels,
    plain,
    unit_of,
)

if TYPE_CHECKING:  # what reads them is much more than this needs
    from latprobe.analysis.timeline import TimelinePoint
    from latprobe_dashboard.token_figures import TimePoint

_MINUTE_NS = 60_000_000_000


def latency(points: Sequence[TimelinePoint], *, zone: tzinfo) -> Chart:
    """p50 and p95, and below them on the same axis the share that failed."""
    times = clock([point.time_ns for point in points], zone)
    size, unit = unit_of(max((point.p95_ms or 0.0 for point in points), default=0.0))
    tips = [_latency_tip(point) for point in points]
    failed = [100 * point.errors / point.count if point.count else None for point in points]
    drawn: list[Values] = [
        _line("p50", times, [_in(p.p50_ms, size) for p in points], tips, BLUE, "dot"),
        _line("p95", times, [_in(p.p95_ms, size) for p in points], tips, BLUE, "solid"),
        {
            **_bars("failed", times, failed, tips, BAD, _step_ns(points)),
            "yaxis": "y2",
        },
    ]
    count, errors = sum(p.count for p in points), sum(p.errors for p in points)
    upper, lower = panels([0.78, 0.22], 0.1)
    layout = {
        "xaxis": clock_axis(zone, anchor="y2"),
        "yaxis": axis(f"Duration ({unit})", domain=upper, rangemode="tozero"),
        "yaxis2": axis("Failed (%)", domain=lower, rangemode="tozero"),
        "hovermode": "x",
    }
    basis = f"n = {quantities.exact(count)}, {quantities.exact(errors)} failed"
    return Chart("Latency and failures over time", basis, drawn, layout)


def _latency_tip(point: TimelinePoint) -> str:
    if not point.count:
        return "nothing ran"
    return lines(
        f"p95 {plain(quantities.milliseconds(point.p95_ms))}",
        f"p50 {plain(quantities.milliseconds(point.p50_ms))}",
        f"n = {quantities.exact(point.count)}",
        f"{plain(quantities.share(point.errors / point.count))} failed",
    )


def cost(points: Sequence[TimePoint], *, zone: tzinfo) -> Chart:
    """What calls cost, or their tokens where none has a price, and the cached share below."""
    is_priced = any(point.cost_usd is not None for point in points)
    what = "Cost" if is_priced else "Tokens"
    times = clock([point.time_ns for point in points], zone)
    values = [point.cost_usd if is_priced else _tokens(point) for point in points]
    tips = [_cost_tip(point) for point in points]
    drawn = [_bars(what, times, values, tips, BLUE, _step_ns(points))]
    is_cached = any(point.cache_share is not None for point in points)
    layout: Values = {
        "xaxis": clock_axis(zone),
        "yaxis": axis(f"{what} ({'US$' if is_priced else 'tokens'})", rangemode="tozero"),
        "hovermode": "x",
    }
    if is_cached:
        shares = [None if p.cache_share is None else 100 * p.cache_share for p in points]
        drawn.append({**_line("From the cache", times, shares, tips, DIM, "solid"), "yaxis": "y2"})
        layout["yaxis"]["domain"], low = panels([0.68, 0.32], 0.1)
        layout["yaxis2"] = axis("From the cache (%)", domain=low, range=[0, 103])
        layout["xaxis"]["anchor"] = "y2"
    calls = quantities.exact(sum(point.calls for point in points))
    return Chart(f"{what} over time", f"n = {calls} calls", drawn, layout)


def _tokens(point: TimePoint) -> int | None:
    if point.input_tokens is None and point.output_tokens is None:
        return None
    return (point.input_tokens or 0) + (point.output_tokens or 0)


def _cost_tip(point: TimePoint) -> str:
    price = None if point.cost_usd is None else plain(quantities.dollars(point.cost_usd))
    return lines(
        price or "no price",
        f"{quantities.exact(point.input_tokens)} tokens in",
        f"{quantities.exact(point.output_tokens)} tokens out",
        f"{plain(quantities.share(point.cache_share))} from the cache",
        f"n = {quantities.exact(point.calls)} calls",
    )


def _in(value_ms: float | None, size: float) -> float | None:
    return None if value_ms is None else value_ms / size


def _step_ns(points: Sequence[TimelinePoint] | Sequence[TimePoint]) -> int:
    return points[1].time_ns - points[0].time_ns if len(points) > 1 else _MINUTE_NS


def _line(
    name: str,
    times: Sequence[str],
    values: Sequence[float | None],
    tips: Sequence[str],
    color: str,
    dash: str,
) -> Values:
    """A line that is broken where nothing was measured; a lone value is a point."""
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": list(times),
        "y": list(values),
        "hovertext": list(tips),
        "hoverinfo": "x+text",
        "line": {"color": color, "dash": dash, "width": 2},
        "marker": {"color": color, "size": 4},
        "connectgaps": False,
    }


def _bars(
    name: str,
    times: Sequence[str],
    values: Sequence[float | None],
    tips: Sequence[str],
    color: str,
    step_ns: int,
) -> Values:
    """Bars as wide as the stretches of time that begin at these times."""
    return {
        "type": "bar",
        "name": name,
        "x": list(times),
        "y": list(values),
        "offset": 0,
        "width": step_ns / 1e6,
        "hovertext": list(tips),
        "hoverinfo": "x+text",
        "marker": {"color": color},
        "showlegend": True,
    }
