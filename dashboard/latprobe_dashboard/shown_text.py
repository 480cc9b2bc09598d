"""Text from traces made safe to look at: as text, never as markup, and never longer than a line.

Names, prompts and attributes come from the recorded program and so from anybody. Control
characters are spelled out, so are marks that reorder text; what is very long is cut.
"""

from __future__ import annotations

import html
import json

from latprobe_dashboard.quantities import NOT_MEASURED

NAME_CHARS = 80
VALUE_CHARS = 2_000
BLANK = "(blank)"
EMPTY = "(empty)"

# Explicit reordering marks: they could make "exe.txt" read "txt.exe" in a table.
_REORDERING = {code: f"[U+{code:04X}]" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
_INVISIBLE = {0x200E: "", 0x200F: "", 0xFEFF: "", 0x2028: " ", 0x2029: " "}
# Spelled out and not as control pictures, for which many machines have no glyphs.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}
_CONTROLS |= {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r"}
_SURROGATES = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")
_LINE = {**_SURROGATES, **_CONTROLS, **_INVISIBLE, **_REORDERING}
_BLOCK = {code: sign for code, sign in _LINE.items() if code not in (0x09, 0x0A)}


def line(text: str | None, limit: int = NAME_CHARS) -> str:
    """The text on one line of at most `limit` characters; one that nobody could see says so."""
    shown = _cut(text, limit).translate(_LINE)
    return shown if shown.strip() else BLANK


def line_or_dash(text: str | None, limit: int = NAME_CHARS) -> str:
    """The line, or the sign for "not there"."""
    return NOT_MEASURED if text is None else line(text, limit)


def outcome(status: str) -> str:
    """A span's status; OpenTelemetry's "unset" only means that nobody reported an error."""
    return "ok" if status == "unset" else line(status, 20)


def block(text: str | None, limit: int = VALUE_CHARS) -> str:
    """The text with its line breaks and tabs, at most `limit` characters."""
    return _cut(text, limit).translate(_BLOCK)


def markup(text: str | None, limit: int = NAME_CHARS) -> str:
    """The line as HTML text, isolated so that right-to-left names do not reorder their row."""
    return f"<bdi>{html.escape(line(text, limit))}</bdi>"


def value(attribute: object, limit: int = VALUE_CHARS) -> str:
    """An attribute's value as text: strings as they are, the rest as JSON."""
    if isinstance(attribute, str):
        return block(attribute, limit)
    return block(json.dumps(attribute, ensure_ascii=False, default=str), limit)


def _cut(text: str | None, limit: int) -> str:
    if not text:
        return EMPTY
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text):,} characters)"


def block_markup(text: str, limit: int = VALUE_CHARS) -> str:
    """The block as HTML text; the style sheet keeps its line breaks."""
    return f"<bdi>{html.escape(block(text, limit))}</bdi>"
