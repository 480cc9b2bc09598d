"""`latprobe dashboard`: the same figures in a browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from latprobe.cli import options


def add_to(app: typer.Typer) -> None:
    app.command("dashboard")(dashboard)


def dashboard(
    port: Annotated[
        int | None,
        typer.Option("--port", "-p", min=0, max=65535, help="Default: a free one from 8788 on."),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            "--host",
            help="Address to listen on; not this machine alone needs LATPROBE_DASHBOARD_TOKEN.",
        ),
    ] = "127.0.0.1",
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the address.")
    ] = False,
    base_path: Annotated[
        str, typer.Option("--base-path", help="Path under which a reverse proxy serves it.")
    ] = "",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host",
            help="Name by which a reverse proxy is reached; needs LATPROBE_DASHBOARD_TOKEN.",
        ),
    ] = None,
    service: options.Service = None,
    run: options.Run = None,
    home: options.Home = None,
) -> None:
    """Open the dashboard; it follows a running program. Ctrl-C ends it.

    --service and --run are chosen in the address that is opened; the page's head changes them.
    """
    require_extra()
    serve_dashboard(
        options.settings_for(home).home,
        host=host,
        port=port,
        open_browser=not no_browser,
        base_path=base_path,
        allowed_hosts=allow_host or (),
        filters=_filters(service, run, home),
    )


def _filters(service: str | None, run: str | None, home: Path | None) -> dict[str, str]:
    """What the address chooses. Raises NoDataError for a run that is not there."""
    chosen = {} if service is None else {"service": service}
    if run is not None:
        from latprobe.cli.open_store import open_store
        from latprobe.cli.run_lookup import find_run

        with open_store(home) as store:
            chosen["run"] = str(find_run(store.query, run, service=service))
    return chosen


def serve_dashboard(
    home: Path,
    *,
    host: str,
    port: int | None,
    open_browser: bool,
    base_path: str = "",
    allowed_hosts: Sequence[str] = (),
    filters: Mapping[str, str] | None = None,
) -> None:
    """Serves until stopped. Raises UsageError for a missing extra, a busy port, a missing token."""
    from latprobe.cli import messages

    require_extra()
    from latprobe_dashboard.server import serve

    serve(
        home,
        host=host,
        port=port,
        open_browser=open_browser,
        base_path=base_path,
        allowed_hosts=allowed_hosts,
        filters=filters,
        on_ready=lambda address: messages.say(f"dashboard at {address} (Ctrl-C ends it)"),
    )


def has_extra() -> bool:
    """Whether what the dashboard needs is installed; imports nothing of it."""
    from importlib.util import find_spec

    return find_spec("streamlit") is not None


def require_extra() -> None:
    """Raises UsageError with the pip line when the dashboard's packages are missing."""
    from latprobe.errors import UsageError

    if not has_extra():
        raise UsageError(
            "The dashboard's packages are not installed: pip install 'latprobe[dashboard]'"
        )
