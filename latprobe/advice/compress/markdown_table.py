"""Markdown tables without padding, or as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable

from latprobe.advice.compress.contract import Candidate, Check, Context, Kind

name = "markdown_table"

_RULE = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*\Z")
_BAR = re.compile(r"(?<!\\)\|")
# How each column is set, which CSV cannot say.
_PLAIN = "---"

Rows = list[list[str]]


def candidates(text: str, context: Context) -> list[Candidate]:
    """The table written in fewer characters; none where the text is no table and nothing else."""
    read = read_table(text)
    if read is None:
        return []
    rows, alignment = read
    found = []
    plain = _unpadded(rows, alignment)
    if read_table(plain) == read:
        found.append(_candidate(plain, "markdown_unpadded", "lossless", "cells and alignment"))
    made = _csv(rows)
    if decode_csv(made) == rows:
        is_plain = all(mark == _PLAIN for mark in alignment)
        kind: Kind = "lossless" if is_plain else "near"
        what = "cells" if is_plain else "cells; how columns are aligned is dropped"
        found.append(_candidate(made, "markdown_table_csv", kind, what))
    return found


def decode_csv(text: str) -> Rows:
    """The rows of cells, the header first."""
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def is_table_at(lines: list[str], at: int) -> bool:
    """Whether a table's header stands in that line."""
    return (
        at + 1 < len(lines)
        and "|" in lines[at]
        and "-" in lines[at + 1]
        and "|" in lines[at + 1]
        and _RULE.match(lines[at + 1]) is not None
        and len(_cells(lines[at])) == len(_cells(lines[at + 1]))
    )


def read_table(text: str) -> tuple[Rows, list[str]] | None:
    """A table's rows and its columns' alignment; None for what is not one table."""
    lines = text.rstrip("\n").split("\n")
    if not is_table_at(lines, 0):
        return None
    rows = [_cells(line) for line in [lines[0], *lines[2:]]]
    width = len(rows[0])
    if any("|" not in line for line in lines) or any(len(row) != width for row in rows):
        return None
    return rows, [_mark(cell) for cell in _cells(lines[1])]


def _cells(line: str) -> list[str]:
    line = line.strip(" \t\r")
    line = line.removeprefix("|")
    if line.endswith("|") and not line.endswith("\\|"):
        line = line[:-1]
    return [cell.strip(" \t") for cell in _BAR.split(line)]


def _mark(cell: str) -> str:
    return f"{':' if cell.startswith(':') else ''}{_PLAIN}{':' if cell.endswith(':') else ''}"


def _unpadded(rows: Rows, alignment: list[str]) -> str:
    head, *body = rows
    join: Callable[[list[str]], str] = "|".join
    rule = join([mark.replace(_PLAIN, "-") for mark in alignment])
    return "\n".join(f"|{line}|" for line in [join(head), rule, *map(join, body)])


def _csv(rows: Rows) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().rstrip("\n")


def _candidate(text: str, step: str, kind: Kind, what: str) -> Candidate:
    return Candidate(text, (step,), kind, Check(f"read again and equal: {what}"))
