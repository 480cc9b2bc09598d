"""A report as text: what a request would gain, the stages, the requests, the observer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from latprobe.cli import figures, output
from latprobe.cli.output import Column
from latprobe.cli.report_tokens import print_tokens

if TYPE_CHECKING:
    from latprobe.analysis.coverage import Observer
    from latprobe.analysis.intervals import Interval
    from latprobe.analysis.report import Report, RequestStats, StageRow
    from latprobe.analysis.token_totals import TokenReport
    from latprobe.analysis.whatif.gains import StageGain

BAR_WIDTH = 12

# A rate over less than this share of the report's time is said to be of the time of the runs.
_MOSTLY_ACTIVE = 0.9


def print_report(report: Report, tokens: TokenReport | None = None) -> None:
    """Prints the whole report; models and templates where a model was called."""
    gain = best_gain(report)
    if gain is not None:
        output.line(gain_line(report, gain), style="bold")
        output.line(headline(report))
    else:
        output.line(headline(report), style="bold")
    if report.gains_refused is not None:
        output.line(f"What a faster stage would gain is not known. {report.gains_refused}")
    output.line()
    _print_stages(report.stages)
    output.line()
    if tokens is not None and tokens.models:
        print_tokens(tokens)
        output.line()
    output.line(f"Requests  {requests_line(report)}")
    output.line(f"Observer  {observer_line(report.observer)}")


def headline(report: Report) -> str:
    """What to look at first."""
    if not report.stages:
        return "No stage was recorded, only requests without parts."
    first = report.stages[0]
    share = figures.percent(first.critical_share)
    slow_share = figures.percent(first.critical_share_p95)
    return (
        f"{first.name} owns {share} of the critical path of {_requests(report.requests)}, "
        f"{slow_share} of the slowest 5 %."
    )


def best_gain(report: Report) -> StageGain | None:
    """The stage to work on first; None where none would make requests surely faster."""
    for gain in report.gains:
        interval = gain.half.p50_ci95_ms
        if gain.own_half_ms > 0 and interval is not None and interval.low > 0:
            return gain
    return None


def gain_line(report: Report, gain: StageGain) -> str:
    """What a request would gain, and the command that tells more."""
    half = gain.half
    saved = f"{figures.ms(half.p50_ms)} off p50{_between(half.p50_ci95_ms)}"
    if half.p95_ms > 0:
        saved += f" and {figures.ms(half.p95_ms)} off p95{_between(half.p95_ci95_ms)}"
    share = half.p50_ms / report.requests.p50_ms if report.requests.p50_ms else None
    return (
        f"{gain.stage} in half the time takes {saved}: requests get "
        f"{figures.percent(share)} faster."
    )


def _between(interval: Interval | None) -> str:
    if interval is None:
        return ""
    low, high = max(interval.low, 0.0), max(interval.high, 0.0)
    return f" ({figures.ms(low)} to {figures.ms(high)})"


def _while(report: Report) -> str:
    """What a rate is over, where that is not the time of the report: the time between runs."""
    stats = report.requests
    if not stats.throughput_per_s:
        return ""
    active_ns = stats.count / stats.throughput_per_s * 1e9
    is_less = active_ns < _MOSTLY_ACTIVE * (report.window_to_ns - report.window_from_ns)
    return " while it ran" if is_less else ""


def requests_line(report: Report) -> str:
    """Count, speed, errors and tokens of the requests."""
    stats = report.requests
    rate = stats.throughput_per_s
    parts = [
        figures.count(stats.count) + (f" at {rate:.2f}/s{_while(report)}" if rate else ""),
        *_bare_calls(report),
        f"{figures.count(stats.errors)} failed",
        f"p50 {figures.ms(stats.p50_ms)}, p95 {figures.ms(stats.p95_ms)}, "
        f"p99 {figures.ms(stats.p99_ms)}",
    ]
    if stats.input_tokens is not None or stats.output_tokens is not None:
        parts.append(
            f"{figures.count(stats.input_tokens)} tokens in, "
            f"{figures.count(stats.output_tokens)} out"
        )
    if stats.cost_usd is not None:
        parts.append(figures.usd(stats.cost_usd))
    if report.unfinished:
        parts.append(f"{figures.count(report.unfinished)} unfinished, not counted")
    if report.sampled_traces < report.traces:
        parts.append(f"critical path from {figures.count(report.sampled_traces)} of them")
    return " · ".join(parts)


def _bare_calls(report: Report) -> list[str]:
    """Said where some requests are not what a person would call one."""
    if not 0 < report.bare_calls < report.requests.count:
        return []
    is_one = report.bare_calls == 1
    words = "is only a client's call" if is_one else "are only a client's calls"
    return [f"{figures.count(report.bare_calls)} of them {words} outside every stage"]


def observer_line(observer: Observer) -> str:
    """What latprobe itself saw, lost and cost."""
    return " · ".join(
        [
            f"{figures.many(observer.recorded, 'span')} recorded",
            f"{figures.count(observer.dropped)} dropped",
            f"{figures.percent(observer.coverage)} of request time covered by stages",
            f"own cost {figures.percent(observer.overhead_share_estimated)} (estimated)",
        ]
    )


def _requests(stats: RequestStats) -> str:
    return figures.many(stats.count, "request")


_Cell = Callable[["StageRow"], str]


def _print_stages(stages: tuple[StageRow, ...]) -> None:
    columns: list[tuple[Column, _Cell]] = [
        (Column("Stage", "left", shorten=True), lambda row: row.name),
        (Column("Critical path", "left"), _critical_cell),
        (Column("p50"), lambda row: figures.ms(row.p50_ms)),
        (Column("p95"), lambda row: figures.ms(row.p95_ms)),
        (Column("p99", give_up=3), lambda row: figures.ms(row.p99_ms)),
        (Column("Count", give_up=2), lambda row: figures.count(row.count)),
        (Column("Errors"), lambda row: figures.count(row.errors)),
        (Column("Self/request", give_up=5), lambda row: figures.ms(row.self_ms_per_trace)),
    ]
    if any(row.input_tokens is not None or row.output_tokens is not None for row in stages):
        columns.append((Column("Tokens in/out", give_up=1), _tokens_cell))
    if any(row.cost_usd is not None for row in stages):
        columns.append((Column("Cost", give_up=4), lambda row: figures.usd(row.cost_usd)))
    if any(row.gpu_sm_active_pct is not None for row in stages):
        columns.append((Column("SM active", give_up=3), _sm_cell))
    if any(row.verdict is not None for row in stages):
        columns.append((Column("Verdict", "left", give_up=1), lambda row: row.verdict or ""))
    output.table(
        [column for column, _ in columns],
        [[cell(row) for _, cell in columns] for row in stages],
    )


def _critical_cell(row: StageRow) -> str:
    bar = figures.bar(row.critical_share or 0.0, BAR_WIDTH, full=output.block())
    return f"{bar:<{BAR_WIDTH}} {figures.percent(row.critical_share):>6}"


def _sm_cell(row: StageRow) -> str:
    share = row.gpu_sm_active_pct
    return figures.percent(None if share is None else share / 100)


def _tokens_cell(row: StageRow) -> str:
    mark = "~" if row.tokens_estimated else ""
    return mark + figures.tokens(row.input_tokens, row.output_tokens)
