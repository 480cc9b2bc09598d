"""`latprobe agent`: the process that takes spans into the store; it starts by itself."""

from __future__ import annotations

from typing import Annotated

import typer

from latprobe.cli import options


def add_to(app: typer.Typer) -> None:
    app.command("agent")(agent)


def agent(
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Run it here and say what it does.")
    ] = False,
    status: Annotated[bool, typer.Option("--status", help="Say whether it runs.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="End it; nothing is lost.")] = False,
    as_json: options.AsJson = False,
    home: options.Home = None,
) -> None:
    """Say whether the store's agent runs, run it in the foreground, or stop it."""
    from latprobe.cli import agent_control
    from latprobe.errors import UsageError

    if foreground + status + stop > 1:
        raise UsageError("--foreground, --status and --stop exclude each other; write one.")
    place = options.settings_for(home).home
    if foreground:
        agent_control.run_foreground(place)
    elif stop:
        agent_control.stop(place)
    else:
        agent_control.print_status(place, as_json=as_json)
