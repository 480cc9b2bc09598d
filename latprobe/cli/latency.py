"""`latprobe latency`: what a token costs in time, for each model, template and replica."""

from __future__ import annotations

from typing import Annotated

import typer

from latprobe.cli import options


def add_to(app: typer.Typer) -> None:
    app.command("latency")(latency)


def latency(
    stage: Annotated[
        str | None,
        typer.Option("--stage", metavar="NAME", help="Only model calls of or within this stage."),
    ] = None,
    service: options.Service = None,
    run: options.Run = None,
    since: options.Since = None,
    until: options.Until = None,
    as_json: options.AsJson = False,
    home: options.Home = None,
) -> None:
    """Show what input and output tokens cost in time, or say why that cannot be told."""
    from dataclasses import replace

    from latprobe.analysis.latency_model import latency_models
    from latprobe.analysis.latency_model.figures import to_json
    from latprobe.analysis.no_data import has_spans, nothing_found
    from latprobe.cli import messages, output
    from latprobe.cli.latency_text import print_models
    from latprobe.cli.open_store import open_store
    from latprobe.errors import NoDataError

    filters = options.Filters(service, run, since, until)
    filters.check()
    with open_store(home) as store, messages.working("Fitting the latency models"):
        scope = filters.scope(store.query)
        found = latency_models(store.query, scope, stage=stage)
        if not found:
            asked = replace(scope, stage=stage)
            if not has_spans(store.query, asked):
                raise nothing_found(store.query, asked)
            within = f" in the stage {stage!r}" if stage is not None else ""
            raise NoDataError(
                f"No model call is recorded{within} here; `latprobe prompts` lists those that are."
            )
    if as_json:
        output.data({"models": [to_json(one) for one in found]})
    else:
        print_models(found)
