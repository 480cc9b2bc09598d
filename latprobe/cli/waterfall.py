"""One trace as text: a line a span, its bar on the request's time axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latprobe.cli import figures, output
from latprobe.cli.output import Column
from latprobe.cli.plain_text import plain_line

if TYPE_CHECKING:
    from latprobe.analysis.trace import Trace, TraceSpan

NAME_WIDTH = 36
MIN_AXIS, MAX_AXIS = 20, 60
# In a narrower window the time axis needs the room.
WINDOW_FOR_TOKENS = 100
# What the other columns and the gaps between them take.
_OTHER_COLUMNS = 34
_TOKEN_COLUMNS = 16
# As OpenTelemetry's HTTP conventions call it, and called it before 1.23.
_HTTP_STATUS = ("http.response.status_code", "http.status_code")


def print_trace(trace: Trace) -> None:
    """Prints the header, the waterfall and what failed."""
    output.line(header(trace), style="bold")
    output.line()
    _print_spans(trace)
    output.line()
    on, off = _blocks()
    output.line(f"{on} the request waited for it   {off} it did not   Critical: how long it did")
    carriers = dict.fromkeys(span.name for span in trace.spans if span.carries is not None)
    if carriers:
        output.line(f"{plain_line(', '.join(carriers))}: the time counts as that of the call above")
    for span in trace.spans:
        if span.status == "error":
            output.line(f"failed: {span.name}: {failure(span)}", style="red")


def header(trace: Trace) -> str:
    """Which request this is and how it compares with its like."""
    took = figures.ns(trace.duration_ns)
    if trace.usual_p50_ms is not None:
        took += f" (usually {figures.ms(trace.usual_p50_ms)})"
    parts = [f"Trace {trace.trace_id}", took, figures.local_time(trace.start_ns)]
    if trace.service:
        parts.append(trace.service)
    return " · ".join(parts)


def failure(span: TraceSpan) -> str:
    """Why the span failed: its message, else its HTTP status or the name of its error."""
    if span.status_message:
        return span.status_message
    for name in _HTTP_STATUS:
        if name in span.attributes:
            return f"HTTP status {span.attributes[name]}, no message was recorded"
    if span.error_type:
        return f"{span.error_type}, no message was recorded"
    return "no message was recorded"


def time_bar(span: TraceSpan, *, total_ns: int, width: int, blocks: tuple[str, str]) -> str:
    """The span's bar: where it starts and how long it is, at least one cell."""
    scale = width / max(total_ns, 1)
    start = min(max(int(span.offset_ns * scale), 0), width - 1)
    end = min(max(round((span.offset_ns + span.duration_ns) * scale), start + 1), width)
    mark = blocks[0] if span.is_waited_for else blocks[1]
    return " " * start + mark * (end - start)


def _print_spans(trace: Trace) -> None:
    window = output.console().width
    has_tokens = window >= WINDOW_FOR_TOKENS and any(
        s.input_tokens is not None or s.output_tokens is not None for s in trace.spans
    )
    names = [plain_line("  " * span.depth + span.name) for span in trace.spans]
    name_width = min(max(map(len, names), default=5), NAME_WIDTH)
    taken = name_width + _OTHER_COLUMNS + (_TOKEN_COLUMNS if has_tokens else 0)
    width = min(max(window - taken, MIN_AXIS), MAX_AXIS)
    columns = [
        Column("Stage", "left", shorten=True),
        Column(_axis(trace.duration_ns, width), "left"),
        Column("Duration"),
        Column("Self", give_up=1),
        Column("Critical"),
    ]
    if has_tokens:
        columns += [Column("Tokens in/out")]
    rows = []
    for span, name in zip(trace.spans, names, strict=True):
        is_own = span.carries is None
        bar = time_bar(span, total_ns=trace.duration_ns, width=width, blocks=_blocks())
        row = [_shorten(name, name_width), bar, figures.ns(span.duration_ns)]
        row += [figures.ns(span.self_ns), figures.ns(span.critical_ns)] if is_own else ["-", "-"]
        if has_tokens:
            row.append(figures.tokens(span.input_tokens, span.output_tokens))
        rows.append(row)
    output.table(columns, rows)


def _axis(duration_ns: int, width: int) -> str:
    end = figures.ns(duration_ns)
    return "0" + end.rjust(width - 1)


def _shorten(name: str, width: int) -> str:
    return name if len(name) <= width else name[: width - 1] + "…"


def _blocks() -> tuple[str, str]:
    return ("█", "░") if output.is_unicode() else ("#", "-")
