"""`latprobe run -- CMD`: a program with recording on in every Python process it starts."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from latprobe.cli import options


def add_to(app: typer.Typer) -> None:
    app.command(
        "run",
        context_settings={"allow_interspersed_args": False, "ignore_unknown_options": False},
    )(run)


def run(
    command: Annotated[
        list[str], typer.Argument(metavar="-- COMMAND...", help="The program and its arguments.")
    ],
    service: Annotated[
        str | None, typer.Option("--service", metavar="NAME", help="Name of the recorded service.")
    ] = None,
    no_agent: Annotated[
        bool, typer.Option("--no-agent", help="Start no agent; the next reader takes in the spans.")
    ] = False,
    kernels: Annotated[
        str | None,
        typer.Option(
            "--kernels", metavar="SHARE", help="Record the GPU kernels of this share of requests."
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No summary at the end.")] = False,
    home: options.Home = None,
) -> None:
    """Run a program and record its stages. Its exit code and its signals are its own."""
    from latprobe.cli.child import ChildRun, run_child
    from latprobe.cli.run_summary import print_summary
    from latprobe.setting_values import parse_share

    settings = options.settings_for(home)
    if kernels is not None:
        os.environ["LATPROBE_KERNELS"] = str(parse_share(kernels, "--kernels"))
    child = ChildRun.create(
        home=settings.home, service=service, agent=settings.agent and not no_agent
    )
    exit_code = run_child(command, child)
    if not quiet:
        print_summary(child, exit_code)
    raise typer.Exit(exit_code)
