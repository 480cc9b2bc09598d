"""A comparison in words: the verdict, the figures with their units, the changes with a sign."""

from __future__ import annotations

from latprobe.analysis.compare import Comparison, Row
from latprobe.analysis.intervals import Interval
from latprobe_dashboard import quantities, shown_text

WHOLE = "Whole request"
_TITLES = {
    "p50_ms": "p50",
    "p95_ms": "p95",
    "input_tokens": "input tokens",
    "output_tokens": "output tokens",
    "cost_usd": "cost",
    "error_share": "failed requests",
    "throughput_per_s": "throughput",
}
_VERDICTS = {
    "worse": '<b class="lp-bad">Requests got slower</b>',
    "better": "<b>Requests got faster</b>",
    "same": "<b>Requests take as long as before</b>",
    "unclear": "<b>Whether requests got slower cannot be told</b>",
}
_LOUD = ("worse", "better", "appeared", "vanished")


def headline(found: Comparison) -> str:
    """What to know first: HTML."""
    row = found.row("p50_ms")
    if row is None or row.change is None:
        return "The requests cannot be compared: one side has too few."
    words = f"{_VERDICTS.get(row.verdict, 'Requests changed')}: p50 {change(row)}"
    interval = row.change.interval
    if interval is not None:
        words += f" ({reach(interval)})"
    return f"{words}.{_moved(found, row)}{_besides(found)}"


def brief(found: Comparison) -> str:
    """The same in a few words: HTML."""
    row = found.row("p50_ms")
    if row is None or row.change is None:
        return "cannot be compared"
    moved = f"p50 {change(row)}"
    words = {
        "worse": f'<span class="lp-bad">slower, {moved}</span>',
        "better": f"faster, {moved}",
        "same": f"as fast as before ({moved})",
    }
    return words.get(row.verdict, f"no change shown ({moved})")


def _moved(found: Comparison, whole: Row) -> str:
    if whole.verdict not in ("worse", "better"):
        return ""
    loud = ("worse", "better", "appeared")
    row = next((each for each in found.rows if each.stage and each.verdict in loud), None)
    if row is None or row.effect_ms is None:
        return ""
    name = shown_text.markup(row.stage)
    return f" Most of it in <b>{name}</b>: {signed_ms(row.effect_ms.value)} a request."


def _besides(found: Comparison) -> str:
    """What else of the whole request is worse, or better."""
    told = [
        f"{title(row.metric)} {change(row)}"
        for row in found.rows
        if row.stage is None
        and row.metric not in ("p50_ms", "throughput_per_s")
        and row.verdict in ("worse", "better")
    ]
    return f" Also: {', '.join(told)}." if told else ""


def is_loud(row: Row) -> bool:
    """Whether the row says more than that nothing is shown to have changed."""
    return row.verdict in _LOUD


def title(metric: str) -> str:
    """A metric as people call it."""
    return _TITLES.get(metric, metric)


def figure(metric: str, value: float | None) -> str:
    """A figure with its unit."""
    if value is None:
        return quantities.NOT_MEASURED
    if metric.endswith("_ms"):
        return quantities.milliseconds(value)
    if metric == "cost_usd":
        return quantities.dollars(value)
    if metric == "error_share":
        return quantities.share(value)
    if metric == "throughput_per_s":
        return quantities.rate(value)
    return quantities.count(value) if value >= 100 else quantities.significant(value)


def change(row: Row) -> str:
    """The row's change with its sign: per cent, for shares percentage points."""
    if row.change is None:
        return quantities.NOT_MEASURED
    text = f"{row.change.value * 100:+.1f}"
    return f"{text} pp" if row.metric == "error_share" else f"{text} %"


def reach(interval: Interval) -> str:
    """An interval of changes."""
    return f"{interval.low * 100:+.1f} to {interval.high * 100:+.1f}"


def signed_ms(value: float) -> str:
    """A difference in ms with its sign."""
    text = quantities.milliseconds(abs(value))
    return text if value == 0 else f"{'+' if value > 0 else '-'}{text}"


def verdict(row: Row) -> str:
    """The verdict as a word."""
    return "cannot tell" if row.verdict == "unclear" else row.verdict
