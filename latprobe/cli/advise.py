"""`latprobe advise`: what to change, the change that gains most first."""

from __future__ import annotations

from typing import Annotated

import typer

from latprobe.cli import options


def add_to(app: typer.Typer) -> None:
    app.command("advise")(advise)


def advise(
    before_after: Annotated[
        str | None,
        typer.Option(
            "--before-after",
            metavar="ID",
            help="Show the recorded text of this suggestion beside what it would become.",
        ),
    ] = None,
    is_all: Annotated[
        bool, typer.Option("--all", help="Show those that save under 2 %, too.")
    ] = False,
    top: Annotated[int, typer.Option(min=1, metavar="N", help="Print at most N suggestions.")] = 10,
    service: options.Service = None,
    run: options.Run = None,
    since: options.Since = None,
    until: options.Until = None,
    as_json: options.AsJson = False,
    home: options.Home = None,
) -> None:
    """Suggest what to change: what each change saves, why, how, and how to check that it did.

    Nothing leaves this machine, and nothing is called. Once a suggestion is followed,
    `latprobe applied ID` keeps what was predicted, to be measured against.
    """
    from latprobe.advice.advisor import advise as advise_on
    from latprobe.advice.applied import read_applied
    from latprobe.advice.marking import suggested
    from latprobe.cli import messages, output
    from latprobe.cli.advise_text import print_advice, print_sample
    from latprobe.cli.open_store import open_store

    filters = options.Filters(service, run, since, until)
    filters.check()
    with open_store(home) as store, messages.working("Looking for what could be changed"):
        found = advise_on(store.query, filters.scope(store.query))
    if before_after is not None:
        suggestion = suggested(found, before_after)
        if as_json:
            output.data(suggestion.to_json())
        else:
            print_sample(suggestion)
    elif as_json:
        output.data(found.to_json())
    else:
        marks = read_applied(options.settings_for(home).home)
        by_id = {each.id: each for each in marks}
        print_advice(found, top=top, applied=by_id, is_all=is_all, service=service)
