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
    otlp: Annotated[
        bool, typer.Option("--otlp", help="Run it here and receive OTLP from other programs.")
    ] = False,
    otlp_host: Annotated[
        str | None, typer.Option(help="Receive there; needs LATPROBE_OTLP_TOKEN. [127.0.0.1]")
    ] = None,
    otlp_http_port: Annotated[int | None, typer.Option(help="Port of OTLP/HTTP. [4318]")] = None,
    otlp_grpc_port: Annotated[int | None, typer.Option(help="Port of OTLP/gRPC. [4317]")] = None,
    as_json: options.AsJson = False,
    home: options.Home = None,
) -> None:
    """Say whether the store's agent runs, run it in the foreground, or stop it."""
    from latprobe.cli import agent_control
    from latprobe.errors import UsageError

    if (foreground or otlp) + status + stop > 1:
        raise UsageError("--foreground, --status and --stop exclude each other; write one.")
    if not otlp and (otlp_host or otlp_http_port is not None or otlp_grpc_port is not None):
        raise UsageError("A host or port for OTLP needs --otlp.")
    place = options.settings_for(home).home
    if foreground or otlp:
        listening = agent_control.listening_place(
            is_asked=otlp, host=otlp_host, http_port=otlp_http_port, grpc_port=otlp_grpc_port
        )
        agent_control.run_foreground(place, listening)
    elif stop:
        agent_control.stop(place)
    else:
        agent_control.print_status(place, as_json=as_json)
