"""`latprobe prune`: old data leaves the store."""

from __future__ import annotations

from typing import Annotated

import typer

from latprobe.cli import options


def add_to(app: typer.Typer) -> None:
    app.command("prune")(prune)


def prune(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="AGE", help="Remove what is older: 30d, 12h.")
    ] = "30d",
    max_size: Annotated[
        str, typer.Option("--max-size", metavar="SIZE", help="Then the oldest until it fits.")
    ] = "10GB",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be removed.")
    ] = False,
    as_json: options.AsJson = False,
    home: options.Home = None,
) -> None:
    """Remove old requests from the store."""
