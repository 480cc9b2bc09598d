"""`latprobe export` and `latprobe import`: to and from files, and to OTLP backends."""

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
    path: Annotated[
        Path | None, typer.Argument(metavar="PATH", help="A new file; for Parquet a new folder.")
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option("--format", metavar="FORMAT", help="parquet, otlp, otlp-json, perfetto, csv."),
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="URL", help="Send OTLP there: http://HOST:4318.")
    ] = None,
    content: Annotated[
        bool, typer.Option("--content", help="With prompts, answers and tool calls.")
    ] = False,
    service: options.Service = None,
    run: options.Run = None,
    since: options.Since = None,
    until: options.Until = None,
    as_json: options.AsJson = False,
    home: options.Home = None,
) -> None:
    """Write recorded requests to a file, or send them to an OTLP backend.

    Parquet (the default) is a folder with everything, which `latprobe import` reads. The other
    formats leave prompts, answers and tool calls out unless --content is given.
    """
    from latprobe.cli.open_store import open_store

    chosen = _format(format_, path, to)
    filters = options.Filters(service, run, since, until)
    filters.check()
    with open_store(home) as store:
        scope = filters.scope(store.query)
        _require_spans(store.query, scope)
        if chosen == "otlp":
            _send(store.query, scope, to, content=content, as_json=as_json)
        elif path is not None:
            _write(store.query, scope, path, chosen, content=content, as_json=as_json)


def _format(format_: str | None, path: Path | None, to: str | None) -> str:
    """The format, once the arguments make sense together."""
    from latprobe.cli.export_formats import FORMATS
    from latprobe.errors import UsageError

    chosen = format_ or ("otlp" if to else "parquet")
    if chosen not in FORMATS:
        raise UsageError(f"--format {chosen} is unknown; write one of {', '.join(FORMATS)}.")
    if chosen == "otlp" and path is not None:
        raise UsageError("--format otlp sends; for a file write --format otlp-json PATH.")
    if chosen != "otlp" and to is not None:
        raise UsageError(f"--to is for --format otlp; --format {chosen} writes to PATH.")
    if chosen != "otlp" and path is None:
        raise UsageError("Name the file or folder to write to.")
    return chosen


def _write(
    query: Query, scope: Scope, path: Path, format_: str, *, content: bool, as_json: bool
) -> None:
    from latprobe.cli import export_formats, figures, messages, output
    from latprobe.store.parquet import export_store

    with messages.working(f"Writing {path}"):
        if format_ == "parquet":
            written = export_store(query, path, scope)
        else:
            count = export_formats.write_file(query, scope, path, format_=format_, content=content)
    if format_ == "parquet":
        _print_counts(written, f"written to {path}", as_json=as_json)
    elif as_json:
        output.data({"spans": count})
    else:
        output.line(f"{figures.many(count, 'span')} written to {path}")


def _send(query: Query, scope: Scope, to: str | None, *, content: bool, as_json: bool) -> None:
    from latprobe.cli import export_formats, figures, messages, output

    with messages.working("Sending"):
        sent = export_formats.send(query, scope, to, content=content)
    if as_json:
        output.data(asdict(sent))
    else:
        failed = sent.rejected + sent.refused
        text = f", {figures.count(failed)} not taken by the backend" if failed else ""
        output.line(f"{figures.many(sent.spans, 'span')} sent{text}")
    if sent.rejected + sent.refused:
        raise typer.Exit(4)


def import_(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH",
            help="A folder that `latprobe export` made, an OTLP file (JSON, protobuf), a Chrome "
            "trace, or what PyTorch's profiler wrote.",
        ),
    ],
    as_json: options.AsJson = False,
    home: options.Home = None,
) -> None:
    """Add recorded requests to the store; what is there already is left out."""
    from latprobe.cli import messages

    place = options.settings_for(home).home
    with messages.working(f"Reading {path}"):
        added = _import_file(place, path) if path.is_file() else import_folders(place, [path])[0]
    _print_counts(added, f"added to {place}", as_json=as_json)


def _import_file(home: Path, path: Path) -> ImportedRows:
    """Through a folder of our own Parquet, which whoever owns the store takes in once."""
    from tempfile import TemporaryDirectory

    from latprobe.cli import messages
    from latprobe.imports.files import convert_file

    with TemporaryDirectory(prefix="latprobe-import-") as folder:
        skipped = convert_file(path, Path(folder) / "rows")
        added = import_folders(home, [Path(folder) / "rows"])[0]
    if skipped:
        messages.warn(f"{skipped} events of {path} have no usable ids or times; they are left out.")
    return added


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
    from latprobe.cli import output

    counts = asdict(rows)
    if as_json:
        output.data(counts)
    else:
        parts = [_table_count(number, table) for table, number in counts.items()]
        output.line(f"{', '.join(parts)} {what}")


def _table_count(number: int, table: str) -> str:
    """ "1 run", "2 runs", "3 usage": tables have plurals as names, or words without one."""
    from latprobe.cli import figures

    return (
        figures.many(number, table[:-1])
        if table.endswith("s")
        else f"{figures.count(number)} {table}"
    )
