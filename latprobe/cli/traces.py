"""`latprobe traces`: the recorded requests, one a line."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from latprobe.cli import options

if TYPE_CHECKING:
    from latprobe.analysis.traces import TraceRow


class Order(StrEnum):
    RECENT = "recent"
    SLOWEST = "slowest"
    TOKENS = "tokens"
    ERRORS = "errors"


def add_to(app: typer.Typer) -> None:
    app.command("traces")(traces)


def traces(
    order: Annotated[Order, typer.Option("--order", "-o", help="What comes first.")] = Order.RECENT,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many.")] = 20,
    service: options.Service = None,
    run: options.Run = None,
    since: options.Since = None,
    until: options.Until = None,
    as_json: options.AsJson = False,
    home: options.Home = None,
) -> None:
    """List recorded requests: the recent, the slowest, the token-heavy or the failed ones."""
    from latprobe.analysis.traces import list_traces
    from latprobe.cli import output
    from latprobe.cli.open_store import open_store
    from latprobe.errors import NoDataError

    filters = options.Filters(service, run, since, until)
    filters.check()
    with open_store(home) as store:
        rows = list_traces(store.query, filters.scope(store.query), order=order.value, limit=limit)
        if not rows:
            raise NoDataError(
                "No request fits these filters; widen --since or leave --service out."
            )
    if as_json:
        output.data([asdict(row) for row in rows])
    else:
        print_traces(rows)


def print_traces(rows: list[TraceRow]) -> None:
    """The table of requests; an id's first 12 digits are enough for `latprobe show`."""
    from latprobe.cli import figures, output
    from latprobe.cli.output import Column

    titles = [
        Column("Trace", "left"),
        Column("Started", "left", give_up=1),
        Column("Request", "left", shorten=True),
        Column("Duration"),
        Column("Spans", give_up=5),
        Column("Errors", give_up=2),
        Column("Tokens in/out", give_up=3),
        Column("Slowest stage", "left", shorten=True),
        Column("Service", "left", shorten=True, give_up=4),
    ]
    cells = [
        [
            row.trace_id[:12],
            figures.local_time(row.start_ns),
            row.name,
            figures.ms(row.duration_ms),
            figures.count(row.spans),
            figures.count(row.errors),
            figures.tokens(row.input_tokens, row.output_tokens),
            row.slowest_stage or "",
            row.service or "",
        ]
        for row in rows
    ]
    output.table(titles, cells)
