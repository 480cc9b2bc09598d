"""`latprobe applied`: suggestions that were followed, predicted against measured."""

from __future__ import annotations

from typing import Annotated

import typer

from latprobe.cli import options


def add_to(app: typer.Typer) -> None:
    app.command("applied")(applied)


def applied(
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ID]...", help="Mark these suggestions as applied.", show_default=False
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="They were applied then: 10m, 1h or 2026-11-01T14:30."),
    ] = None,
    remove: Annotated[
        str | None, typer.Option(metavar="ID", help="Take this one off the list.")
    ] = None,
    service: options.Service = None,
    run: options.Run = None,
    since: options.Since = None,
    as_json: options.AsJson = False,
    home: options.Home = None,
) -> None:
    """Show whether the suggestions that were followed did what was predicted.

    With ids, marks suggestions of `latprobe advise` as applied: what is predicted for them now is
    kept, and requests that start from now on are measured against it. Suggestions that are marked
    with less than 20 requests between them are predicted and measured together.
    """
    from latprobe.advice.applied import read_applied, unmark
    from latprobe.advice.marking import follow
    from latprobe.advice.verify import verify_all
    from latprobe.cli import messages, output
    from latprobe.cli.applied_text import print_marked, print_verified
    from latprobe.cli.open_store import open_store
    from latprobe.clock import wall_ns
    from latprobe.errors import UsageError

    filters = options.Filters(service, run, since, at)
    filters.check()
    if ids and remove:
        raise UsageError("Give ids to mark or --remove, not both.")
    if at and not ids:
        raise UsageError("--at goes with the ids to mark.")
    folder = options.settings_for(home).home
    if remove:
        unmark(folder, remove)
        messages.say(f"{remove} is no longer marked as applied")
        return
    with open_store(home) as store:
        if ids:
            with messages.working("Predicting what they save"):
                scope = filters.scope(store.query)
                at_ns = wall_ns() if scope.to_ns is None else scope.to_ns
                rows = follow(store.query, folder, scope, ids, at_ns=at_ns)
        with messages.working("Measuring"):
            found = verify_all(store.query, read_applied(folder))
    if as_json:
        output.data({"applied": [each.to_json() for each in found]})
    elif ids:
        print_marked(rows)
    else:
        print_verified(found)
