"""`latprobe show TRACE`: one request as a waterfall."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from latprobe.cli import options


def add_to(app: typer.Typer) -> None:
    app.command("show")(show)


def show(
    trace: Annotated[
        str,
        typer.Argument(metavar="TRACE", help="A trace id's first digits, `latest` or `slowest`."),
    ],
    as_json: options.AsJson = False,
    home: options.Home = None,
) -> None:
    """Show one request: when each stage ran, and which of them the request waited for."""
    from latprobe.analysis.trace import load_trace
    from latprobe.analysis.traces import named_trace
    from latprobe.cli import output
    from latprobe.cli.open_store import open_store
    from latprobe.cli.waterfall import print_trace

    with open_store(home) as store:
        found = load_trace(store.query, named_trace(store.query, trace))
    if as_json:
        output.data(asdict(found))
    else:
        print_trace(found)
