"""`latprobe load`: how loaded each stage is, what saturates it, what one more would give."""

from __future__ import annotations

from typing import Annotated

import typer

from latprobe.cli import options


def add_to(app: typer.Typer) -> None:
    app.command("load")(load)


def load(
    stage: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this stage, with all that is known.")
    ] = None,
    service: options.Service = None,
    run: options.Run = None,
    since: options.Since = None,
    until: options.Until = None,
    as_json: options.AsJson = False,
    home: options.Home = None,
) -> None:
    """Show how loaded each stage is: queues, servers, replicas, batches, and what saturates it."""
    from dataclasses import replace

    from latprobe.analysis.load import load_report
    from latprobe.analysis.load.json_shape import to_json
    from latprobe.cli import messages, output
    from latprobe.cli.load_text import print_load
    from latprobe.cli.open_store import open_store

    filters = options.Filters(service, run, since, until)
    filters.check()
    with open_store(home) as store:
        scope = replace(filters.scope(store.query), stage=stage)
        with messages.working("Following the queues"):
            found = load_report(store.query, scope)
    if as_json:
        output.data(to_json(found))
    else:
        print_load(found, is_detailed=stage is not None)
