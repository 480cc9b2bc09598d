"""`latprobe export` and `latprobe import`: latprobe's own Parquet folder, out and in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from latprobe.cli import options


def add_to(app: typer.Typer) -> None:
    app.command("export")(export)
    app.command("import")(import_)


def export(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new or empty folder.")],
    service: options.Service = None,
    run: options.Run = None,
    since: options.Since = None,
    until: options.Until = None,
    home: options.Home = None,
) -> None:
    """Write recorded requests as Parquet files that `latprobe import` reads."""


def import_(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Made by `latprobe export`.")],
    home: options.Home = None,
) -> None:
    """Add exported requests to the store."""


def import_folder(home: Path, folder: Path) -> None:
    pass
