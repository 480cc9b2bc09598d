"""`latprobe report`: which stage makes the requests slow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from latprobe.cli import options

if TYPE_CHECKING:
    from latprobe.analysis.report import Report
    from latprobe.store.query import Query


def add_to(app: typer.Typer) -> None:
    app.command("report")(report)


def report(
    service: options.Service = None,
    run: options.Run = None,
    since: options.Since = None,
    until: options.Until = None,
    max_traces: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Compute the critical path on at most N requests."),
    ] = None,
    as_json: options.AsJson = False,
    home: options.Home = None,
) -> None:
    """Rank the stages by their share of the critical path."""
    from latprobe.analysis.token_totals import token_report
    from latprobe.cli import output
    from latprobe.cli.open_store import open_store
    from latprobe.cli.report_text import print_report

    filters = options.Filters(service, run, since, until)
    filters.check()
    with open_store(home) as store:
        found = build(store.query, filters, max_traces)
        tokens = token_report(store.query, filters.scope(store.query))
    if as_json:
        output.data({**found.to_json(), **tokens.to_json()})
    else:
        print_report(found, tokens)


def build(query: Query, filters: options.Filters, max_traces: int | None) -> Report:
    """The report for the filters, with a sign of life while it is computed."""
    from latprobe.analysis.report import build_report
    from latprobe.cli import messages

    with messages.working("Computing critical paths"):
        return build_report(query, filters.scope(query), max_traces=max_traces)
