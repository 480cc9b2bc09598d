"""The one writer of stdout: tables and text for people, JSON and CSV for programs."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from latprobe.cli.plain_text import plain_line

if TYPE_CHECKING:
    from rich.console import Console

# Wide enough for every table of ours, for output that goes to a file or another program.
UNWATCHED_WIDTH = 140

# What a column that may be shortened keeps at least.
SHORTENED = 14


@dataclass(frozen=True, slots=True)
class Column:
    """A table's column. One with `shorten` may lose text; one with `give_up` may be left out.

    In a narrow window the column with the highest `give_up` goes first; 0 stays.
    """

    title: str
    align: Literal["left", "right"] = "right"
    shorten: bool = False
    give_up: int = 0


class ReaderLeftError(Exception):
    """Whoever read our stdout (`| head`) has left. typer would answer EPIPE with exit code 1."""


@contextmanager
def _stdout() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise ReaderLeftError from None


def console() -> Console:
    """Rich on stdout as it is now: no markup, since names come from recorded programs."""
    from rich.console import Console

    class PipeConsole(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    width = None
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        width = UNWATCHED_WIDTH
    return PipeConsole(
        file=sys.stdout, markup=False, highlight=False, emoji=False, width=width, soft_wrap=False
    )


@_stdout()
def table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Prints a table; cells are cleaned of control characters. Figures are never cut."""
    from rich.box import ASCII2, SIMPLE_HEAD
    from rich.table import Table

    cells = [[plain_line(cell) for cell in row] for row in rows]
    widths = [
        max(map(len, texts)) for texts in zip((c.title for c in columns), *cells, strict=True)
    ]
    kept = _fitting(columns, widths, console().width)
    widths = _shortened(columns, widths, kept, console().width)
    grid = Table(
        box=SIMPLE_HEAD if is_unicode() else ASCII2,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
    for number in kept:
        grid.add_column(
            plain_line(columns[number].title),
            justify=columns[number].align,
            no_wrap=True,
            overflow="ellipsis",
            width=widths[number],
        )
    for row in cells:
        grid.add_row(*(row[number] for number in kept))
    console().print(grid)
    if len(kept) < len(columns):
        left_out = (c.title for number, c in enumerate(columns) if number not in kept)
        line(f"Left out in this narrow window: {', '.join(left_out)}. --json has everything.")


def known_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table without the columns that say nothing in any row."""
    known = [at for at in range(len(columns)) if any(row[at] not in ("", "-") for row in rows)]
    table([columns[at] for at in known], [[row[at] for at in known] for row in rows])


def _fitting(columns: Sequence[Column], widths: Sequence[int], limit: int) -> list[int]:
    """The columns to show, by number: the most expendable go until the rest fits."""
    kept = list(range(len(columns)))

    def taken() -> int:
        return sum(
            2 + (min(widths[n], SHORTENED) if columns[n].shorten else widths[n]) for n in kept
        )

    while taken() > limit:
        expendable = max(kept, key=lambda number: columns[number].give_up)
        if columns[expendable].give_up == 0:
            break
        kept.remove(expendable)
    return kept


def _shortened(
    columns: Sequence[Column], widths: Sequence[int], kept: Sequence[int], limit: int
) -> list[int]:
    """The columns' widths; those that may be shortened share what the others leave.

    Rich would take from every column, and cut the last one's figures at the edge.
    """
    shown = list(widths)
    spare = limit - sum(2 + widths[number] for number in kept)
    for number in sorted(kept, key=lambda number: -widths[number]):
        if spare < 0 and columns[number].shorten:
            shown[number] = max(widths[number] + spare, min(widths[number], SHORTENED))
            spare += widths[number] - shown[number]
    return shown


def records(names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Prints each row as lines of "name  value", for tables wider than the window."""
    width = max(map(len, names), default=0)
    for number, row in enumerate(rows, 1):
        line(f"row {number}", style="bold")
        for name, cell in zip(names, row, strict=True):
            line(f"  {name:<{width}}  {cell}")


@_stdout()
def line(text: str = "", *, style: str | None = None) -> None:
    """Prints one line as it is, not wrapped."""
    console().print(plain_line(text), style=style, soft_wrap=True)


@_stdout()
def data(value: object) -> None:
    """Prints a JSON document."""
    json.dump(
        value,
        sys.stdout,
        indent=2,
        ensure_ascii=not is_unicode(),
        default=_as_json,
        allow_nan=False,
    )
    sys.stdout.write("\n")


@_stdout()
def csv_rows(names: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Prints CSV (RFC 4180 quoting, LF line ends); None is an empty field."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow(["" if cell is None else as_text(cell) for cell in row])


def as_text(value: object) -> str:
    """A stored value as text: JSON for nested values, NULL's None as "-"."""
    if value is None:
        return "-"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, default=_as_json)
    return str(value)


def is_unicode() -> bool:
    """Whether stdout can carry block characters."""
    return (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"


def block() -> str:
    """The character bars are made of."""
    return "█" if is_unicode() else "#"


def _as_json(value: Any) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    return str(value)
