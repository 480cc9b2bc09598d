"""XML with rows of short values, written as CSV between the tags around them.

    <orders><order><id>7</id><city>Graz</city></order>...</orders>

is `<orders>`, then `order:`, then CSV with a header, then `</orders>`. A column `@id` is the row's
attribute. Near: blanks between tags are dropped; each row is read again and compared.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from xml.etree import ElementTree

from latprobe.advice.compress.contract import Candidate, Check, Context

name = "xml_rows"

_OPENS = re.compile(r"<([A-Za-z_][\w.-]*)((?:\s+[\w.-]+=(?:\"[^\"<>]*\"|'[^'<>]*'))*)\s*>")
_FEWEST_ROWS, _FEWEST_COLUMNS = 5, 2
# Longer values are passages, which a model reads better between their tags.
_LONGEST_VALUE = 120


@dataclass(frozen=True, slots=True)
class Rows:
    """`head` is the start tag as written, `tag` its name; `row` is each row's."""

    head: str
    tag: str
    row: str
    columns: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]


def candidates(text: str, context: Context) -> list[Candidate]:
    """The rows as CSV; none where the text is no element with rows."""
    rows = read_rows(text)
    if rows is None:
        return []
    made = _written(rows)
    if decode(made) != rows:
        return []
    what = f"{len(rows.cells)} rows read again and equal; blanks between tags are dropped"
    return [Candidate(made, (name,), "near", Check(what))]


def decode(text: str) -> Rows | None:
    """The rows; None for what this module did not write."""
    head, _, rest = text.partition("\n")
    row, _, body = rest.partition(":\n")
    body, _, end = body.rpartition("\n")
    opens = _OPENS.fullmatch(head)
    if opens is None or end != f"</{opens[1]}>":
        return None
    lines = [tuple(line) for line in csv.reader(io.StringIO(body, newline=""), strict=True)]
    return Rows(head, opens[1], row, lines[0], tuple(lines[1:])) if lines else None


def read_rows(text: str) -> Rows | None:
    """The rows of an element that has nothing else in it; None for any other text."""
    opens = _OPENS.match(text)
    # Comments, instructions and entities of one's own are more than rows.
    if opens is None or "\n" in opens[0] or "<!" in text or "<?" in text:
        return None
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError):
        return None
    records = [_record(child) for child in root]
    tags = {child.tag for child in root}
    if len(records) < _FEWEST_ROWS or len(tags) != 1 or not _is_blank(root.text):
        return None
    first = records[0]
    if first is None or len(first) < _FEWEST_COLUMNS:
        return None
    cells = []
    for record in records:
        if record is None or list(record) != list(first):
            return None
        cells.append(tuple(record.values()))
    return Rows(opens[0], root.tag, tags.pop(), tuple(first), tuple(cells))


def _record(row: ElementTree.Element) -> dict[str, str] | None:
    """The attributes and values of a row; None where it is more than a flat record."""
    if not _is_blank(row.text) or not _is_blank(row.tail):
        return None
    found = {f"@{key}": value for key, value in row.attrib.items()}
    for cell in row:
        value = cell.text or ""
        if len(cell) or cell.attrib or cell.tag in found or not _is_blank(cell.tail):
            return None
        found[cell.tag] = value
    is_short = all(len(value) <= _LONGEST_VALUE and value.isprintable() for value in found.values())
    return found if is_short else None


def _is_blank(text: str | None) -> bool:
    return not (text or "").strip()


def _written(rows: Rows) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([rows.columns, *rows.cells])
    return f"{rows.head}\n{rows.row}:\n{out.getvalue()}</{rows.tag}>"
