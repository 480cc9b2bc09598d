"""`latprobe export` and `latprobe import`: latprobe's own Parquet folder, out and in."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from latprobe.cli import options

if TYPE_CHECKING:
    from latprobe.analysis.scope import Scope
    from latprobe.store.parquet import ExportedRows, ImportedRows
    from latprobe.store.query import Query


def add_to(app: typer.Typer) -> None:
    app.command("export")(export)
    app.command("import")(import_)


def export(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new or empty folder.")],
    service: options.Service = None,
    run: options.Run = None,
    since: options.Since = None,
    until: options.Until = None,
    as_json: options.AsJson = False,
    home: options.Home = None,
) -> None:
    """Write recorded requests as Parquet files that `latprobe import` reads."""
    from latprobe.cli import messages
    from latprobe.cli.open_store import open_store
    from latprobe.store.parquet import export_store

    filters = options.Filters(service, run, since, until)
    filters.check()
    with open_store(home) as store:
        scope = filters.scope(store.query)
        _require_spans(store.query, scope)
        with messages.working(f"Writing {folder}"):
            written = export_store(store.query, folder, scope)
    _print_counts(written, f"written to {folder}", as_json=as_json)


def import_(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Made by `latprobe export`.")],
    as_json: options.AsJson = False,
    home: options.Home = None,
) -> None:
    """Add exported requests to the store; what is there already is left out."""
    from latprobe.cli import messages

    place = options.settings_for(home).home
    with messages.working(f"Reading {folder}"):
        added = import_folders(place, [folder])[0]
    _print_counts(added, f"added to {place}", as_json=as_json)


def import_folders(home: Path, folders: list[Path]) -> list[ImportedRows]:
    """Imports each folder into the store, which is made where there is none."""
    from latprobe.cli import messages
    from latprobe.store.folder_lock import prepare_folder
    from latprobe.store.reader import open_reader

    added = []
    prepare_folder(home)
    with (
        open_reader(home, start_agent=options.settings_for(home).agent) as store,
        messages.progress("Importing", total=len(folders)) as advance,
    ):
        for folder in folders:
            added.append(store.import_folder(folder))
            advance(1)
    return added


def _require_spans(query: Query, scope: Scope) -> None:
    from latprobe.errors import NoDataError

    where, parameters = scope.where()
    if not query(f"SELECT 1 FROM spans s WHERE {where} LIMIT 1", parameters).num_rows:
        raise NoDataError("No request fits these filters, so nothing was written; widen them.")


def _print_counts(rows: ExportedRows | ImportedRows, what: str, *, as_json: bool) -> None:
    from latprobe.cli import figures, output

    counts = asdict(rows)
    if as_json:
        output.data(counts)
    else:
        parts = [f"{figures.count(number)} {table}" for table, number in counts.items()]
        output.line(f"{', '.join(parts)} {what}")
