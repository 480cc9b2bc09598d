"""`latprobe sql`: a read-only query on the store."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latprobe.cli import options

if TYPE_CHECKING:
    import pyarrow


# Cells longer than this are cut with an ellipsis before a table becomes a list of records.
WIDEST_CELL = 40


def add_to(app: typer.Typer) -> None:
    app.command("sql")(sql)


def sql(
    statement: Annotated[
        str, typer.Argument(metavar="STATEMENT", help="SQL that reads; `-` takes it from stdin.")
    ],
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: options.AsJson = False,
    limit: Annotated[
        int, typer.Option("--limit", min=1, help="Rows of the table shown to people.")
    ] = 200,
    home: options.Home = None,
) -> None:
    """Ask the store with SQL. Only statements that read are allowed."""
    from latprobe.cli import output
    from latprobe.cli.open_store import open_store
    from latprobe.errors import UsageError

    if as_csv and as_json:
        raise UsageError("--csv and --json exclude each other; leave one out.")
    text = sys.stdin.read() if statement == "-" else statement
    if not text.strip():
        raise UsageError("The SQL is empty; try: latprobe sql 'SELECT * FROM runs'.")
    with open_store(home) as store:
        result = store.query(text)
    if as_json:
        output.data([_finite(row) for row in result.to_pylist()])
    elif as_csv:
        output.csv_rows(result.column_names, _rows(result))
    else:
        _print_table(result, limit)


def _print_table(result: pyarrow.Table, limit: int) -> None:
    from latprobe.cli import messages, output
    from latprobe.cli.output import Column

    shown = [[output.as_text(cell) for cell in row] for row in _rows(result.slice(0, limit))]
    if _fits(result.column_names, shown, output.console().width):
        columns = [
            Column(field.name, "right" if _is_number(field.type) else "left", shorten=True)
            for field in result.schema
        ]
        output.table(columns, shown)
    else:
        output.records(result.column_names, shown)
    if result.num_rows > limit:
        messages.say(
            f"{limit} of {result.num_rows:,} rows shown; --csv and --json print all of them."
        )


def _fits(names: list[str], rows: list[list[str]], width: int) -> bool:
    """Whether a table of these cells is readable: no column needs more than it can lose."""
    widest = [max(map(len, cells)) for cells in zip(names, *rows, strict=True)]
    return sum(min(each, WIDEST_CELL) + 2 for each in widest) <= width


def _rows(result: pyarrow.Table) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in zip(*(c.to_pylist() for c in result.columns), strict=True)]


def _is_number(kind: Any) -> bool:
    import pyarrow.types as types

    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind))


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN and no infinity; both become null."""
    from math import isfinite

    return {
        name: None if isinstance(value, float) and not isfinite(value) else value
        for name, value in row.items()
    }
