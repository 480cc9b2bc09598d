"""Text that cannot move the cursor: span names and error messages come from recorded programs."""

from __future__ import annotations

_VISIBLE = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))} | {
    ord("\n"): "\\n",
    ord("\t"): "\\t",
    ord("\r"): "\\r",
}
_LINES = {code: shown for code, shown in _VISIBLE.items() if code != ord("\n")}


def plain(text: str) -> str:
    """The text with terminal control characters written out; newlines stay."""
    return text.translate(_LINES)


def plain_line(text: str) -> str:
    """The text on one line, control characters and newlines written out."""
    return text.translate(_VISIBLE)
