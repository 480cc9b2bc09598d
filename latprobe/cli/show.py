"""`latprobe show TRACE`: one request as a waterfall."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from latprobe.cli import options

if TYPE_CHECKING:
    from latprobe.analysis.traces import Order
    from latprobe.store.query import Query

_ORDERS: dict[str, Order] = {"latest": "recent", "slowest": "slowest"}


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
    from latprobe.cli import output
    from latprobe.cli.open_store import open_store
    from latprobe.cli.waterfall import print_trace

    with open_store(home) as store:
        found = load_trace(store.query, resolve(store.query, trace))
    if as_json:
        output.data(asdict(found))
    else:
        print_trace(found)


def resolve(query: Query, wanted: str) -> str:
    """The trace id for a word; a prefix stays as it is."""
    from latprobe.analysis.scope import Scope
    from latprobe.analysis.traces import list_traces
    from latprobe.errors import NoDataError

    if wanted not in _ORDERS:
        return wanted
    rows = list_traces(query, Scope(), order=_ORDERS[wanted], limit=1)
    if not rows:
        raise NoDataError("No request is recorded yet; run one with `latprobe run -- CMD`.")
    return rows[0].trace_id
